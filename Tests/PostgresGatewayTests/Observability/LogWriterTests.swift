import Dispatch
import Foundation
import GatewayCore
import PostgresGateway
import Testing

@Suite struct LogWriterTests {
    @Test("A log that nobody reads holds nobody up; what is dropped is counted, and told when it is read again")
    func slowReader() throws {
        let pipe = Pipe()
        let writer = LogWriter(pipe.fileHandleForWriting)
        let line = String(repeating: "x", count: 1_000) + "\n"
        // A pipe holds 64 KiB: far more than that and the lines that may wait.
        let count = LogWriter.maximumPending + 2_000
        for _ in 0..<count { writer.write(line) { "dropped \($0)\n" } }

        let reading = DispatchQueue(label: "reader")
        nonisolated(unsafe) var received = Data()
        let file = pipe.fileHandleForReading
        reading.async { received = (try? file.readToEnd()) ?? Data() }
        writer.flush(within: .seconds(20))
        try pipe.fileHandleForWriting.close()
        let lines = reading.sync { String(decoding: received, as: UTF8.self) }.split(separator: "\n")
        let written = lines.count { $0.hasPrefix("x") }
        let dropped = lines.compactMap { $0.hasPrefix("dropped ") ? Int($0.dropFirst(8)) : nil }.reduce(0, +)
        #expect(written + dropped == count)
        #expect(dropped > 0)
        #expect(lines.allSatisfy { $0.hasPrefix("dropped ") || $0.utf8.count == 1_000 }, "whole lines only")
    }

    @Test("A descriptor that cannot be written to is no reason to end")
    func closed() throws {
        let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let writer = LogWriter(full)
        writer.write("lost\n") { "\($0)" }
        writer.flush()
    }
}
