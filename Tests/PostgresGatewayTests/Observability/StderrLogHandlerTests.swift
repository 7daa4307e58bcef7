import Foundation
import GatewayCore
import Logging
import PostgresGateway
import Synchronization
import Testing

@Suite struct StderrLogHandlerTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private func logger(_ format: GatewayConfiguration.LogFormat) -> (Logger, Lines) {
        let lines = Lines()
        let handler = StderrLogHandler(level: .info, format: format) { line in lines.all.withLock { $0.append(line) } }
        return (Logger(label: "test") { _ in handler }, lines)
    }

    @Test("JSON: one object a line, numbers as numbers, whatever the texts are")
    func json() throws {
        let (logger, lines) = logger(.json)
        let text = "a\"b\\c\nd\u{1}\u{7f}ä\u{2028}"
        logger.info("hello \(text)", metadata: ["bytes_in": "17", "hostname": "\(text)", "session": "x1"])
        logger.debug("not shown")
        let all = lines.all.withLock { $0 }
        #expect(all.count == 1)
        let line = try #require(all.first)
        #expect(line.hasSuffix("}\n"))
        #expect(!line.dropLast().contains("\n"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        )
        #expect(object["message"] as? String == "hello \(text)")
        #expect(object["level"] as? String == "info")
        #expect(object["bytes_in"] as? Int == 17)
        #expect(object["hostname"] as? String == text)
        #expect(object["session"] as? String == "x1")
        #expect((object["time"] as? String)?.hasSuffix("Z") == true)
    }

    @Test("Text: one line, control characters escaped")
    func text() {
        let (logger, lines) = logger(.text)
        logger.warning("refused", metadata: ["hostname": "a\nb"])
        let all = lines.all.withLock { $0 }
        #expect(all.first?.hasSuffix(" warning refused hostname=a\\u{a}b\n") == true, "\(all)")
    }
}
