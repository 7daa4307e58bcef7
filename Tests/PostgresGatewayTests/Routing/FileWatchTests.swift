import Foundation
import GatewayCore
import NIOCore
import NIOPosix
import PostgresGateway
import Synchronization
import TestSupport
import Testing

@Suite struct FileWatchTests {
    /// What a watch has seen of a file: its content at each look.
    private final class Looks: Sendable {
        private let contents = Mutex<[String]>([])

        func add(_ content: String) { contents.withLock { $0.append(content) } }

        func wait(for content: String, _ again: () throws -> Void = {}) async throws {
            let deadline = ContinuousClock.now + .seconds(60)
            while contents.withLock({ $0.last }) != content {
                try again()
                guard ContinuousClock.now < deadline else { throw Command.Failure("'\(content)' was not seen") }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    @Test(
        "A file that comes, is written to, replaced, and goes; with the kernel's events alone and with the poll alone",
        arguments: [true, false]
    )
    func changes(events: Bool) async throws {
        let directory = try TemporaryDirectory("watch")
        defer { directory.remove() }
        let path = directory.file("file")
        let looks = Looks()
        let watch = Task {
            // With events, the poll comes once an hour.
            await FileWatch(path: path, pollInterval: events ? .seconds(3_600) : FileWatch.pollInterval).run(
                on: events ? MultiThreadedEventLoopGroup.singleton.next() : nil
            ) {
                looks.add((try? String(contentsOfFile: path, encoding: .utf8)) ?? "none")
            }
        }
        // Until the watch is there.
        try await looks.wait(for: "first") { try Data("first".utf8).write(to: URL(fileURLWithPath: path)) }
        try directory.write("second", to: "file")  // renamed into place
        try await looks.wait(for: "second")
        try await Command.check("rm", [path])
        try await looks.wait(for: "none")
        watch.cancel()
        await watch.value
    }

    @Test("A directory that comes later, and one that is replaced")
    func directory() async throws {
        let directory = try TemporaryDirectory("watch")
        defer { directory.remove() }
        let path = directory.file("later/file")
        let looks = Looks()
        let watch = Task {
            await FileWatch(path: path).run(on: MultiThreadedEventLoopGroup.singleton.next()) {
                looks.add((try? String(contentsOfFile: path, encoding: .utf8)) ?? "none")
            }
        }
        for content in ["one", "two"] {
            let later = try directory.directory("later")
            try later.write(content, to: "file")
            try await looks.wait(for: content)
            later.remove()
        }
        watch.cancel()
        await watch.value
    }
}
