import NIOCore

extension SocketAddress {
    /// Address and port; an IPv4 address that came in over an IPv6 socket is shown as IPv4.
    var displayName: String {
        guard let ip = ipAddress, let port else { return "unknown" }
        let mapped = "::ffff:"
        if ip.hasPrefix(mapped), ip.contains(".") { return "\(ip.dropFirst(mapped.count)):\(port)" }
        return ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }
}
