/// Why a branch's server could not be connected to. The raw value is the label in metrics.
package enum DialFailure: String, CaseIterable, Hashable, Sendable {
    /// Nothing listens at the address.
    case refused
    /// No answer within CONNECT_TIMEOUT.
    case timeout
    /// The connection ended before the server's first byte.
    case reset
    /// The host has no way to the address, or not its family.
    case noRoute = "no_route"
    /// The host has nothing to connect from: no port is free, or IPv6 is off.
    case noLocalAddress = "no_local_address"
    /// Out of file descriptors or memory.
    case exhausted
    case other
}
