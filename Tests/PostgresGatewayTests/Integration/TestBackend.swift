import NIOCore
import PostgresWire
import TestSupport

/// What a server says, as tests that play one send it.
enum TestBackend {
    static let authenticationOk: [UInt8] = [UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 0]
    /// A request for the password in plaintext.
    static let passwordRequest: [UInt8] = [UInt8(ascii: "R"), 0, 0, 0, 8, 0, 0, 0, 3]
    /// AuthenticationOk and ReadyForQuery.
    static let ready = authenticationOk + [UInt8(ascii: "Z"), 0, 0, 0, 5, UInt8(ascii: "I")]
    static let terminate: [UInt8] = [UInt8(ascii: "X"), 0, 0, 0, 4]

    /// AuthenticationOk, BackendKeyData and ReadyForQuery.
    static func ready(processID: UInt32, secret: [UInt8] = [1, 2, 3, 4]) -> [UInt8] {
        var buffer = ByteBuffer(bytes: authenticationOk)
        if let key = CancelKey(processID: processID, secret: ByteBuffer(bytes: secret)) {
            BackendKeyData.encode(key: key, into: &buffer)
        }
        return buffer.bytes + ready.dropFirst(authenticationOk.count)
    }

    static func fatal(_ state: String, _ message: String = "no") -> [UInt8] {
        var buffer = ByteBuffer()
        ErrorResponse(sqlState: SQLState(rawValue: state), message: message, hint: "").encode(into: &buffer)
        return buffer.bytes
    }
}

extension TestGateway {
    /// A session whose client is let in, with both of its ends.
    func ready(
        _ backend: RawListener,
        serverName: String = hostname,
        processID: UInt32 = 7,
        from source: UInt8 = 1
    ) throws -> (client: TLSConnection, server: RawConnection) {
        let client = try connectTLS(serverName: serverName, from: source)
        try client.write(ByteBuffer.startup().bytes)
        let server = try backend.accept()
        _ = try server.receive()
        let answer = TestBackend.ready(processID: processID)
        try server.send(answer)
        _ = try client.read(count: answer.count)
        return (client, server)
    }

    /// A client that has named its branch, and what becomes of it.
    func start(serverName: String = hostname, from source: UInt8 = 1) throws -> TLSConnection {
        let client = try connectTLS(serverName: serverName, from: source)
        try client.write(ByteBuffer.startup().bytes)
        return client
    }
}
