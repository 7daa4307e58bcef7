import Foundation
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// Clients that ask and do not read: nobody else waits for them, and the server ends all the same.
@Suite struct UnreadAnswersTests {
    private static let request = Array("GET /api/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".utf8)

    /// The server's side waits until it may write.
    @Test("More answers than the server writes ahead", .timeLimit(.minutes(2)))
    func manyAnswers() async throws {
        try await serving { host, connection in
            let requests = Array(repeatElement(Self.request, count: 100_000).joined())
            let taken = try connection.sendUntilFull(requests)
            #expect(taken < requests.count)
            try await host.expect(200, .GET, "/api/projects")
        }
    }

    /// The server's side has written all and waits until it is sent, which closing would wait for too.
    @Test("The last answer is half on its way", .timeLimit(.minutes(2)))
    func lastAnswer() async throws {
        try await serving { host, connection in
            let size = try Self.answerSize(connection)
            var asked = 0
            while true {
                try connection.send(Self.request)
                asked += size
                let queued = try await Self.settled(port: host.port, upTo: asked)
                if queued < asked { return }
            }
        }
    }

    private func serving(_ body: @Sendable (APIHost, RawConnection) async throws -> Void) async throws {
        let kept = Mutex<RawConnection?>(nil)
        try await BlockingExecutor.run {
            try await APIHost.run { host in
                let connection = try RawConnection(port: host.port)
                kept.withLock { $0 = connection }
                try await body(host, connection)
            }
        }
        // It was open all the time, and the server has ended.
        #expect(kept.withLock { $0 }?.hasInput(withinMilliseconds: 0) == true)
    }

    private static func answerSize(_ connection: RawConnection) throws -> Int {
        try connection.send(request)
        var answer: [UInt8] = []
        while true {
            answer += try connection.receive()
            let text = String(decoding: answer, as: UTF8.self)
            guard let head = text.firstRange(of: "\r\n\r\n"),
                let length = text.firstMatch(of: /(?i)content-length: (\d+)/).flatMap({ Int($0.1) })
            else { continue }
            let size = text[..<head.upperBound].utf8.count + length
            if answer.count >= size { return size }
        }
    }

    /// The bytes that the kernel has of a server's connections, once they are `wanted` or have not changed for a second.
    private static func settled(port: Int, upTo wanted: Int) async throws -> Int {
        let end = ":" + String(format: "%04X", port)
        var last = -1
        var changed = ContinuousClock.now
        while true {
            let queued = try queuedBytes(end)
            if queued != last { (last, changed) = (queued, .now) }
            if queued >= wanted || ContinuousClock.now - changed > .seconds(1) { return queued }
            await Task.yield()
        }
    }

    /// - Parameter end: of the server's address, its port in hexadecimal digits.
    private static func queuedBytes(_ end: String) throws -> Int {
        var sum = 0
        for line in try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8).split(separator: "\n") {
            // Columns: number, local, remote, state, queued to send and to receive (proc(5)).
            let columns = line.split(separator: " ").map(String.init)
            guard columns.count > 4, columns[3] == "01" else { continue }
            let queues = columns[4].split(separator: ":").map { Int($0, radix: 16) ?? 0 }
            if columns[1].hasSuffix(end) { sum += queues[0] } else if columns[2].hasSuffix(end) { sum += queues[1] }
        }
        return sum
    }
}
