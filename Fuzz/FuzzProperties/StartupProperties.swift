import GatewayCore
import NIOCore
import PostgresWire
import RouteMap

/// Whatever reads a peer's first bytes gives the same answers, however they are cut.
enum StartupProperties {
    static func check(_ input: inout ByteBuffer) throws(Violation) {
        guard let first = input.readInteger(as: UInt8.self) else { return }
        let length = Int(first % 17) + 1
        try checkPacket(input, length: length)
        try checkScanner(input, length: length)
        try checkAlerts(input, length: length)
        try checkTexts(input)
    }

    private static func decode(_ pieces: [ByteBuffer]) -> Result<StartupPacket?, StartupPacketError> {
        var buffer = ByteBuffer()
        for piece in pieces {
            buffer.writeImmutableBuffer(piece)
            do throws(StartupPacketError) {
                if let packet = try StartupPacket.decode(from: &buffer) { return .success(packet) }
            } catch {
                return .failure(error)
            }
        }
        return .success(nil)
    }

    private static func checkPacket(_ bytes: ByteBuffer, length: Int) throws(Violation) {
        let whole = decode([bytes])
        try require(decode(bytes.pieces(of: length)) == whole, "the split changes the packet")
        switch whole {
        case .success(.startupMessage(let message)):
            try require(message.packet.readableBytes <= 10_004, "a packet is longer than PostgreSQL's limit")
            _ = message.parameters
            _ = message.parameter("user")
        case .success(.cancelRequest(let request)):
            var encoded = ByteBuffer()
            CancelRequest.encode(key: request.key, into: &encoded)
            try require(encoded == request.packet, "a CancelRequest is written otherwise than it was read")
        case .success(.sslRequest), .success(.gssEncRequest), .success(nil), .failure:
            break
        }
    }

    private static func checkScanner(_ bytes: ByteBuffer, length: Int) throws(Violation) {
        var scanner = BackendStartupScanner()
        let whole = scanner.observe(bytes)
        var second = BackendStartupScanner()
        let found = bytes.pieces(of: length).flatMap { second.observe($0) }
        try require(found == whole, "the split changes what is found")
        try require(scanner.isFinished == second.isFinished, "the split changes the end of a start-up")
        try require(scanner.isBetweenMessages == second.isBetweenMessages, "the split changes where messages end")
    }

    private static func checkAlerts(_ bytes: ByteBuffer, length: Int) throws(Violation) {
        var alerts = HandshakeAlerts()
        alerts.received(bytes)
        var second = HandshakeAlerts()
        for piece in bytes.pieces(of: length) { second.received(piece) }
        try require(alerts.failure == second.failure, "the split changes why a handshake failed")
        // TLS sends whole records.
        second.sending(bytes)
        try require(
            second.failure == .clientAlert || alerts.failure != .clientAlert,
            "an answer hides the client's alert"
        )
    }

    private static func checkTexts(_ bytes: ByteBuffer) throws(Violation) {
        let text = String(buffer: bytes)
        if let hostname = try? Hostname(text) {
            try require(hostname.name.utf8.count <= Hostname.maximumLength, "a hostname is too long")
            try require((try? Hostname(hostname.name)) == hostname, "a hostname is not its own form")
        }
        let shown = DisplayName.escape(text)
        try require(shown.allSatisfy { $0.isASCII && !$0.isNewline }, "a text is shown unescaped")
        _ = ErrorResponse.decodeFields(body: bytes)
        _ = BackendKeyData.decode(body: bytes)
    }
}
