/// The side that has to act next in a start-up; decides whether it may be evicted.
package enum StartupTurn: Hashable, Sendable {
    /// The gateway has work to do for it.
    case gateway
    /// The next byte is the client's to send.
    case client(Stage)

    /// How far a start-up is that waits for its client. In the order in which they are evicted.
    package enum Stage: Int, CaseIterable, Hashable, Sendable {
        /// No complete ClientHello, or another first packet, yet.
        case preface
        /// Everything was sent; the client has only to close.
        case linger
        /// In the handshake, or inside TLS before the first packet.
        case tls
    }
}
