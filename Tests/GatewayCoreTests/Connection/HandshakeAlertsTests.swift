import GatewayCore
import NIOCore
import Testing

/// Who ended a handshake, by the records that the gateway sent.
@Suite struct HandshakeAlertsTests {
    private static func record(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [type, 3, 3, 0, UInt8(body.count)] + body }

    private static let serverHello = record(22, [UInt8](repeating: 2, count: 80))
    private static let encrypted = record(23, [UInt8](repeating: 7, count: 200))
    private static func alert(_ description: UInt8) -> [UInt8] { record(21, [2, description]) }

    @Test(
        "The reason of a failure",
        arguments: [
            ([], .badClientHello),
            (alert(70), .protocolVersion), (alert(86), .protocolVersion), (alert(40), .noSharedCipher),
            (alert(50), .badClientHello), (alert(10), .badClientHello), (alert(47), .badClientHello),
            (alert(120), .noALPN), (alert(80), .other),
            (serverHello, .clientAlert), (serverHello + encrypted, .clientAlert),
            // After the ClientHello, an alert of ours is for a later message.
            (serverHello + alert(51), .other), (serverHello + alert(40), .other),
            (serverHello + encrypted + record(23, [UInt8](repeating: 0, count: 19)), .other),
            (serverHello + record(21, [UInt8](repeating: 0, count: 26)), .other),
            // Half a record says nothing.
            (Array(alert(70).dropLast()), .badClientHello),
        ] as [([UInt8], HandshakeFailure)]
    )
    func reasons(sent: [UInt8], reason: HandshakeFailure) {
        var alerts = HandshakeAlerts()
        alerts.sending(ByteBuffer(bytes: sent))
        #expect(alerts.failure == reason)
    }

    @Test("A client's alert is the reason, in any pieces, and though an alert of the gateway's answers it")
    func clientAlert() {
        let hello = Self.record(22, [UInt8](repeating: 1, count: 60))
        for size in [1, 3, 1_000] {
            var alerts = HandshakeAlerts()
            let received = hello + Self.record(20, [1]) + Self.alert(48)
            for start in stride(from: 0, to: received.count, by: size) {
                #expect(alerts.failure == .badClientHello)
                alerts.received(ByteBuffer(bytes: received[start..<min(start + size, received.count)]))
            }
            alerts.sending(ByteBuffer(bytes: Self.serverHello + Self.record(23, [UInt8](repeating: 0, count: 19))))
            #expect(alerts.failure == .clientAlert)
        }
    }
}
