import COpenSSL

/// A TLS client by the system's OpenSSL, whose records the test carries to the socket itself.
///
/// A second TLS implementation beside the gateway's own, and one in which a ClientHello can be sent
/// in any pieces and the size of every record that comes back be seen.
package final class TLSConnection {
    /// A session that a later connection may resume.
    package final class Session {
        fileprivate let pointer: OpaquePointer

        fileprivate init(_ pointer: OpaquePointer) { self.pointer = pointer }

        deinit { SSL_SESSION_free(pointer) }
    }

    package enum Version: Int {
        case tls10 = 0x0301
        case tls11 = 0x0302
        case tls12 = 0x0303
        case tls13 = 0x0304
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let raw: RawConnection
    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    private var unparsed: [UInt8] = []
    private var isAtEnd = false

    /// The payload lengths of the application data records that came in, as their headers say.
    package private(set) var recordLengths: [Int] = []

    /// - Parameters:
    ///   - serverName: none is sent when it is nil.
    ///   - protocols: of ALPN; none are offered when it is empty.
    ///   - suites: of TLS 1.2 and older, as OpenSSL's cipher strings have them.
    ///   - groups: for the key exchange, by OpenSSL's names and separated by colons.
    ///   - isVerifying: whether the server's certificate must be one that is trusted; none is.
    package init(
        _ raw: RawConnection,
        serverName: String?,
        protocols: [String] = [],
        version: Version? = nil,
        suites: String? = nil,
        groups: String? = nil,
        session: Session? = nil,
        isVerifying: Bool = false
    ) throws {
        guard let context = SSL_CTX_new(TLS_client_method()), let ssl = SSL_new(context),
            let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem())
        else { throw Failure(description: "OpenSSL has no memory") }
        self.raw = raw
        self.context = context
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_connect_state(ssl)
        if let version {
            SSL_ctrl(ssl, SSL_CTRL_SET_MIN_PROTO_VERSION, version.rawValue, nil)
            SSL_ctrl(ssl, SSL_CTRL_SET_MAX_PROTO_VERSION, version.rawValue, nil)
        }
        if let suites, SSL_set_cipher_list(ssl, suites) != 1 { throw Self.failure("the suites \(suites)") }
        if let groups {
            var list = Array(groups.utf8CString)
            guard SSL_ctrl(ssl, SSL_CTRL_SET_GROUPS_LIST, 0, &list) == 1 else {
                throw Self.failure("the groups \(groups)")
            }
        }
        if let session { SSL_set_session(ssl, session.pointer) }
        if isVerifying { SSL_set_verify(ssl, SSL_VERIFY_PEER, nil) }
        if let serverName {
            var name = Array(serverName.utf8CString)
            SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &name)
        }
        if !protocols.isEmpty {
            let list = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
            SSL_set_alpn_protos(ssl, list, UInt32(list.count))
        }
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    /// Sends the ClientHello of a handshake, and nothing more.
    package func sendClientHello() throws {
        SSL_do_handshake(ssl)
        try raw.send(takeOutgoing())
    }

    /// Performs the handshake.
    ///
    /// - Parameter cut: cuts the ClientHello into the segments in which it is sent.
    package func handshake(cut: ([UInt8]) -> [[UInt8]] = { [$0] }) throws {
        var isFirst = true
        while true {
            let result = SSL_do_handshake(ssl)
            let bytes = takeOutgoing()
            if !bytes.isEmpty {
                for piece in isFirst ? cut(bytes) : [bytes] { try raw.send(piece) }
                isFirst = false
            }
            if result == 1 { return }
            guard SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else { throw Self.failure("handshake") }
            guard try feed() else { throw Failure(description: "handshake: the server closed") }
        }
    }

    package func write(_ bytes: some Collection<UInt8>) throws {
        let all = Array(bytes)
        guard SSL_write(ssl, all, Int32(all.count)) == Int32(all.count) else { throw Self.failure("write") }
        try raw.send(takeOutgoing())
    }

    /// Sends until the peer has taken nothing for a second. The last record may be cut: no more can be sent then.
    ///
    /// - Returns: whether the peer stopped taking before all was sent.
    package func writeUntilFull(_ bytes: [UInt8]) throws -> Bool {
        guard SSL_write(ssl, bytes, Int32(bytes.count)) == Int32(bytes.count) else { throw Self.failure("write") }
        let records = takeOutgoing()
        return try raw.sendUntilFull(records) < records.count
    }

    /// What one record gives; empty at the end of input.
    package func read() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = SSL_read(ssl, &bytes, Int32(bytes.count))
            if count > 0 { return Array(bytes.prefix(Int(count))) }
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_ZERO_RETURN: return []
            case SSL_ERROR_WANT_READ: if try !feed() { return [] }
            default: throw Self.failure("read")
            }
        }
    }

    package func read(count: Int) throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            let bytes = try read()
            guard !bytes.isEmpty else { throw Failure(description: "the end after \(all.count) of \(count) bytes") }
            all += bytes
        }
        return all
    }

    package func readToEnd() throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try read()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// Closing, which the last reference to this does, is from now on a reset of the socket.
    package func resetWhenClosed() { raw.resetWhenClosed() }

    /// Sends bytes that no TLS library has made into records.
    package func sendRaw(_ bytes: [UInt8]) throws { try raw.send(bytes) }

    /// Whether the socket has something to read now.
    package var hasPendingInput: Bool { raw.hasInput(withinMilliseconds: 0) }

    /// Sends close_notify, as a client that is done does.
    package func shutdown() throws {
        SSL_shutdown(ssl)
        let bytes = takeOutgoing()
        if !bytes.isEmpty { try raw.send(bytes) }
    }

    package var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &length)
        guard let name, length > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    /// Whether the server ended with close_notify, after ``readToEnd()``.
    package var hasCloseNotify: Bool { SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0 }

    /// The cipher suite by OpenSSL's name.
    package var suite: String? { SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)).map { String(cString: $0) } }

    /// Asks for a renegotiation (RFC 5246 section 7.4.1.2) and waits for what comes of it.
    ///
    /// - Throws: ``Failure`` with what the server answered when it refuses.
    package func renegotiate() throws {
        guard SSL_renegotiate(ssl) == 1 else { throw Self.failure("renegotiation") }
        try handshake()
    }

    /// Bytes of early data that a session may begin with.
    package static func maximumEarlyData(_ session: Session) -> UInt32 {
        SSL_SESSION_get_max_early_data(session.pointer)
    }

    package var session: Session? { SSL_get1_session(ssl).map(Session.init) }

    package var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// The common part of the names of the certificate the server sent: its first DNS name.
    package var certificateName: String? {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        var text = [CChar](repeating: 0, count: 256)
        let subject = X509_get_subject_name(certificate)
        guard X509_NAME_get_text_by_NID(subject, NID_commonName, &text, Int32(text.count)) > 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// SHA-256 of the certificate the server sent.
    package var certificateFingerprint: [UInt8] {
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return [] }
        defer { X509_free(certificate) }
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard X509_digest(certificate, EVP_sha256(), &digest, &length) == 1 else { return [] }
        return Array(digest.prefix(Int(length)))
    }

    // MARK: Carrying records

    private func takeOutgoing() -> [UInt8] {
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = BIO_read(outgoing, &bytes, Int32(bytes.count))
            guard count > 0 else { return all }
            all += bytes.prefix(Int(count))
        }
    }

    /// Gives OpenSSL what the socket has; false at its end.
    private func feed() throws -> Bool {
        guard !isAtEnd else { return false }
        let bytes = try raw.receive()
        guard !bytes.isEmpty else {
            isAtEnd = true
            return false
        }
        note(bytes)
        BIO_write(incoming, bytes, Int32(bytes.count))
        return true
    }

    private func note(_ bytes: [UInt8]) {
        unparsed += bytes
        var start = 0
        while unparsed.count - start >= 5 {
            let length = Int(unparsed[start + 3]) << 8 | Int(unparsed[start + 4])
            guard unparsed.count - start >= 5 + length else { break }
            if unparsed[start] == 23 { recordLengths.append(length) }
            start += 5 + length
        }
        unparsed.removeFirst(start)
    }

    private static func failure(_ what: String) -> Failure {
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(ERR_get_error(), &text, text.count)
        let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return Failure(description: "\(what): \(reason)")
    }
}
