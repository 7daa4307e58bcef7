import Foundation
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import BranchManager

/// How far a copy is, and one that is cut off in the middle, on real servers.
@Suite struct CopyProgressTests {
    @Test(
        "A copy says how much of it is done, up to all of it, and its operation keeps that",
        arguments: RuntimeKind.allCases
    )
    func progress(kind: RuntimeKind) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            let dev = try await host.manager.createBranch("dev", from: main)
            let kept = try #require(try host.manager.store.operations(of: dev.target.id).first?.progress)
            #expect(kept.doneBytes == kept.totalBytes && kept.doneBytes > 10_000_000, "\(kept)")
            let told = Mutex<[CopyProgress]>([])
            try await host.runtime.copy(from: ServerSpec(main), to: ServerSpec(dev)) { progress in
                told.withLock { $0.append(progress) }
            }
            let all = told.withLock { $0 }
            let last = try #require(all.last)
            #expect(last.doneBytes == last.totalBytes, "\(all)")
            #expect(zip(all, all.dropFirst()).allSatisfy { $0.doneBytes <= $1.doneBytes }, "\(all)")
            try await host.runtime.discardCopy(ServerSpec(dev))
        }
    }

    /// The programs of a version, of which pg_basebackup takes minutes for the smallest server.
    private static func slowPrograms(in directory: TemporaryDirectory) async throws -> String {
        let real = try await PostgresInstallations.find().forNewDatabase(nil).programs
        let slow = try directory.directory("slow")
        for name in try FileManager.default.contentsOfDirectory(atPath: real) where name != "pg_basebackup" {
            try FileManager.default.createSymbolicLink(
                atPath: slow.file(name),
                withDestinationPath: "\(real)/\(name)"
            )
        }
        try slow.write("#!/bin/sh\nexec \(real)/pg_basebackup --max-rate=64k \"$@\"\n", to: "pg_basebackup")
        try await Command.check("chmod", ["755", slow.path, slow.file("pg_basebackup")])
        return slow.path
    }

    @Test("Cancelled in the middle of a copy: no files, no program at work, no connection to the source")
    func cancelled() async throws {
        let directory = try TemporaryDirectory("slow")
        defer { directory.remove() }
        let programs = try await Self.slowPrograms(in: directory)
        try await RuntimeHost.run(
            .local,
            local: { try await LocalRuntime(directory: $0, installations: PostgresInstallations.find(programs)) }
        ) { host in
            let main = try await host.makeDatabase()
            let store = host.manager.store
            for isReset in [false, true] {
                // A branch that is stopped is copied by its files.
                try await host.manager.stop(main)
                let dev = isReset ? try await host.manager.createBranch("dev", from: main) : nil
                try await host.manager.start(main)
                let copy = Task(executorPreference: BlockingWork.executor) {
                    if let dev { return try await host.manager.reset(dev) }
                    return try await host.manager.createBranch("new", from: main)
                }
                func running() throws -> BranchOperation? { try store.operations().first { $0.status == .running } }
                while try running()?.progress.map({ $0.doneBytes > 0 }) != true { await Task.yield() }
                let operation = try #require(try running())
                let progress = try #require(operation.progress)
                #expect(progress.doneBytes < progress.totalBytes)
                #expect(try await host.query(main, "SELECT count(*) > 0 FROM pg_stat_replication") == "t")
                #expect(try await host.manager.cancel(operation).status == .cancelled)
                await #expect(throws: operation.cancellation) { try await copy.value }
                #expect(try store.branches().map(\.target.name) == (isReset ? ["main", "dev"] : ["main"]))
                let place = host.directory.file("branches/\(operation.targetId)")
                #expect(!FileManager.default.fileExists(atPath: isReset ? "\(place)/copy" : place))
                let at = Data("FROST_TOOL_OF=\(operation.targetId)\0".utf8)
                let tools = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { number in
                    (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(number)/environ")))?.range(of: at) != nil
                }
                #expect(tools.isEmpty, "\(tools)")
                // Its server notices a moment later.
                let left =
                    "SELECT (SELECT count(*) FROM pg_stat_replication) + (SELECT count(*) FROM pg_replication_slots)"
                while try await host.query(main, left) != "0" { await Task.yield() }
                if let dev { #expect(try await host.query(dev, "SELECT 1") == "1", "it serves on") }
            }
        }
    }

    // MARK: What programs write

    @Test("Lines of progress and complaints, cut anywhere")
    func output() {
        let text = """
            pg_basebackup: warning: one
                  0/23145 kB (0%), 0/1 tablespace
            \r  7168/23145 kB (30%), 0/1 tablespace\r23145/23145 kB (100%), 1/1 tablespace

            two
            three\nfour\nfive
            """
        Splits.forEach(ByteBuffer(string: text)) { parts in
            var output = ToolOutput()
            let told = parts.compactMap { output.append($0.readableBytesView) }
            output.end()
            #expect(told.last == CopyProgress(doneBytes: 23_145 * 1_024, totalBytes: 23_145 * 1_024))
            #expect(output.complaints == ["two", "three", "four", "five"])
        }
        for line in [
            "", "kB", "1/2 MB (3%)", "-1/2 kB (0%)", "99999999999999999999/1 kB (1%)", "9223372036854775807/1 kB (",
        ] {
            #expect(CopyProgress(backupLine: line) == nil, "\(line)")
        }
    }

    @Test("Frames of the engine's stream, cut anywhere; what is none ends it")
    func frames() {
        var stream = ByteBuffer()
        for (kind, text) in [(1, "one"), (2, ""), (2, "two\n")] as [(UInt8, String)] {
            stream.writeMultipleIntegers(kind, UInt8(0), UInt8(0), UInt8(0), UInt32(text.utf8.count))
            stream.writeString(text)
        }
        stream.writeString("no frame at all, and then some")
        Splits.forEach(stream) { parts in
            var (frames, found) = (DockerFrames(), [String]())
            for part in parts {
                frames.append(part)
                while let frame = frames.next() { found.append(String(buffer: frame)) }
            }
            #expect(found == ["one", "", "two\n"])
        }
    }

    @Test(arguments: [
        (0, 0, "0 of 0 bytes"), (1_200_000_000, 3_400_000_000, "1.2 of 3.4 GB"),
        (640_000, 3_400_000_000, "0.0 of 3.4 GB"),
        (12, 999, "12 of 999 bytes"), (5, 3, "5 of 5 bytes"), (1_500, 2_000, "1.5 of 2.0 kB"),
    ])
    func text(done: Int, total: Int, text: String) {
        #expect(CopyProgress(doneBytes: done, totalBytes: total).text == text)
    }

    @Test(arguments: [
        (0, "0 bytes"), (999, "999 bytes"), (7_600_000, "7.6 MB"), (1_234_000_000_000, "1.2 TB"),
    ])
    func sizes(bytes: Int, text: String) {
        #expect(ByteCount.text(bytes) == text)
    }
}
