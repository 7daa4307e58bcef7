import Foundation
import TestSupport
import Testing

@testable import BranchManager

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Work in a directory that somebody else owns, and changes meanwhile. As root, whoever owns it is another user.
@Suite struct HeldDirectoryTests {
    /// A directory of a tenant's, and one that nobody but this process's user may touch.
    private struct Place {
        let directory: TemporaryDirectory
        let owner: FileOwner?

        init() throws {
            directory = try TemporaryDirectory("owned")
            try FileManager.default.createDirectory(atPath: directory.file("own"), withIntermediateDirectories: false)
            try FileManager.default.createDirectory(
                atPath: directory.file("victim"),
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
            for number in 0..<Self.victims { try directory.write("kept", to: "victim/\(number)") }
            guard geteuid() == 0 else {
                owner = nil
                return
            }
            let entry = try #require(getpwnam("postgres"))
            owner = FileOwner(uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid)
            try #require(chown(directory.file("own"), entry.pointee.pw_uid, entry.pointee.pw_gid) == 0)
        }

        static let victims = 500

        var left: Int { (try? FileManager.default.contentsOfDirectory(atPath: directory.file("victim")).count) ?? 0 }

        /// What runs a program as the tenant.
        func command(_ program: [String]) -> [String] {
            guard let owner else { return program }
            return ["setpriv", "--reuid=\(owner.uid)", "--regid=\(owner.gid)", "--clear-groups", "--"] + program
        }

        func run(_ script: String) async throws {
            let command = command(["/usr/bin/python3", "-c", script, directory.file("own"), directory.file("victim")])
            try await Command.check(command[0], Array(command.dropFirst()))
        }

        func held<Value: Sendable>(
            as owner: FileOwner?,
            _ body: @escaping @Sendable (HeldDirectory) throws(BranchError) -> Value
        ) async throws -> Value {
            let path = directory.file("own")
            return try await FileThread.run(as: owner) { () throws(BranchError) in
                guard let held = try HeldDirectory.open(path) else { throw .runtime("there is no \(path)") }
                return try body(held)
            }
        }
    }

    /// Swaps directories for links to another's, in front of whoever removes them, and makes them again.
    private static let swapper = """
        import os, sys
        own, victim = sys.argv[1:]
        os.chdir(own)
        while True:
            for name in ('tree', 'tree/a', 'tree/a/b'):
                try: os.mkdir(name)
                except OSError: pass
            for number in range(4):
                try: open('tree/a/b/%d' % number, 'w').close()
                except OSError: pass
            for name in ('tree/a/b', 'tree/a', 'tree'):
                try:
                    os.rename(name, 'aside')
                    os.symlink(victim, name)
                    os.unlink(name)
                    os.rename('aside', name)
                except OSError: pass
        """

    @Test(
        "A tenant swaps directories for links to another's while they are removed: nothing of the other is lost",
        arguments: [true, false]
    )
    func swapped(asOwner: Bool) async throws {
        let place = try Place()
        defer { place.directory.remove() }
        // The tenant's own rights, and all of root's, with which containers' files are removed.
        let owner = asOwner ? place.owner : nil
        let command = place.command([
            "/usr/bin/python3", "-c", Self.swapper, place.directory.file("own"), place.directory.file("victim"),
        ])
        try await Program.whileRunning(
            "/usr/bin/env",
            command,
            port: nil,
            log: place.directory.file("swapper.log")
        ) { _ in
            var removed = 0
            let end = ContinuousClock.now + .seconds(4)
            while ContinuousClock.now < end {
                // Where it goes on changing it may give up, and says so.
                removed +=
                    (try? await place.held(as: owner) { held throws(BranchError) in
                        guard try held.kind("tree") != nil else { return 0 }
                        try held.removeTree("tree")
                        return 1
                    }) ?? 0
            }
            #expect(removed > 0, "it was removed \(removed) times")
        }
        #expect(place.left == Place.victims)
        try await place.held(as: owner) { held throws(BranchError) in try held.removeContents() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.directory.file("own")).isEmpty)
        #expect(place.left == Place.victims)
    }

    @Test("A tree a thousand levels deep, names that are no text, directories closed to their owner, links out of it")
    func hardTrees() async throws {
        let place = try Place()
        defer { place.directory.remove() }
        try await place.run(
            """
            import os, sys
            own, victim = sys.argv[1:]
            os.chdir(own)
            os.mkdir('tree')
            os.symlink(victim, 'tree/link')
            open(b'tree/\\xff\\xfe', 'w').close()
            os.mkdir('tree/closed')
            open('tree/closed/file', 'w').close()
            os.chmod('tree/closed', 0)
            os.mkfifo('tree/pipe')
            os.chdir('tree')
            for number in range(1000):
                os.mkdir('deeper')
                open('file', 'w').close()
                os.chdir('deeper')
            """
        )
        try await place.held(as: place.owner) { held throws(BranchError) in
            try held.removeTree("tree")
            try held.removeTree("tree")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.directory.file("own")).isEmpty)
        #expect(place.left == Place.victims)
    }

    @Test("Only a regular file of the owner is read: no link, no pipe, no directory, no file of somebody else")
    func reads() async throws {
        let place = try Place()
        defer { place.directory.remove() }
        try place.directory.write("secret", to: "secret")
        try await place.run(
            """
            import os, sys
            own, victim = sys.argv[1:]
            os.chdir(own)
            open('file', 'w').write('0123456789')
            os.symlink('../secret', 'link')
            os.symlink(victim, 'directory-link')
            os.mkfifo('pipe')
            os.mkdir('directory')
            """
        )
        try #require(link(place.directory.file("secret"), place.directory.file("own/hard")) == 0)
        let owner = place.owner?.uid ?? geteuid()
        let read = { (name: String) async throws in
            try await place.held(as: place.owner) { held throws(BranchError) in
                try held.end(of: name, from: 2, atMost: 4, owner: owner)
            }
        }
        #expect(try await read("file") == Array("6789".utf8))
        for name in ["link", "pipe", "directory", "gone", "directory-link"] {
            #expect(try await read(name) == nil, "\(name)")
        }
        // Where this is no other user, it is a file of its own.
        if place.owner != nil { #expect(try await read("hard") == nil) }
        await #expect(throws: BranchError.self) {
            try await place.held(as: place.owner) { held throws(BranchError) in
                _ = try held.directory("directory-link")
            }
        }
    }

    @Test(
        "Files are reached as the account, by one thread only",
        .enabled(if: geteuid() == 0, "another user needs root")
    )
    func account() async throws {
        let place = try Place()
        defer { place.directory.remove() }
        let path = place.directory.file("victim/0")
        let opens = { @Sendable () throws(BranchError) -> Bool in
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor >= 0 { close(descriptor) }
            return descriptor >= 0
        }
        for _ in 0..<20 {
            #expect(try await !FileThread.run(as: place.owner, opens))
            #expect(try await FileThread.run(opens))
        }
    }
}
