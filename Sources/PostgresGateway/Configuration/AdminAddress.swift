package import NIOCore

/// Where the admin address is: an IP literal and a port.
package struct AdminAddress: Hashable, Sendable, CustomStringConvertible {
    /// An IP literal, without brackets.
    package let host: String
    /// 0 lets the kernel choose.
    package let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Parameter text: `127.0.0.1:9432` or `[::1]:9432`.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.init(host: String(host), port: Int(port))
        guard (try? socketAddress) != nil else { return nil }
    }

    /// - Parameter socketAddress: of IPv4 or IPv6.
    package init?(_ socketAddress: SocketAddress) {
        guard let host = socketAddress.ipAddress, let port = socketAddress.port else { return nil }
        self.init(host: host, port: port)
    }

    var socketAddress: SocketAddress {
        get throws { try SocketAddress(ipAddress: host, port: port) }
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
