import Foundation
import Logging
import NIOCore
import PostgresGateway
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite struct AcceptFailuresTests {
    private func failures(_ log: LogLines) -> AcceptFailures {
        let handler = StderrLogHandler(level: .debug, format: .json) { log.add($0) }
        return AcceptFailures(logger: Logger(label: "test") { _ in handler })
    }

    /// Mutation: advice-for-every-exhaustion.
    @Test(
        "LimitNOFILE is advised where this process has too few descriptors, and nowhere else",
        arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPERM]
    )
    func advice(code: CInt) throws {
        let log = LogLines()
        let failures = failures(log)
        failures.note(IOError(errnoCode: code, reason: "accept"))
        let line = try #require(log.all.first.flatMap { LogLine($0) })
        #expect(line["message"]?.contains("LimitNOFILE") == (code == EMFILE))
        #expect(line["error"]?.contains("accept") == true)
    }

    @Test("Every failure counts and is told for a minute; one line in ten seconds")
    func lines() {
        let log = LogLines()
        let failures = failures(log)
        let start = Date(timeIntervalSince1970: 1_800_000_000)
        for seconds in [0, 1, 9.9, 10, 11, 20] {
            failures.note(IOError(errnoCode: ENFILE, reason: "accept"), at: start + seconds)
        }
        #expect(failures.count == 6)
        #expect(log.all.count == 3)
        #expect(failures.reason(at: start + 79) != nil)
        #expect(failures.reason(at: start + 80) == nil)
    }
}
