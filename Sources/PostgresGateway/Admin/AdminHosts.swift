import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Which values of the Host header the admin address answers to.
///
/// A page of a stranger can have its own name resolve to this host (DNS rebinding), and would then read what a browser
/// on it may read; its name gives it away.
struct AdminHosts: Sendable {
    private let isLoopback: Bool
    /// In lower case.
    private let machineName: String

    /// - Parameters:
    ///   - address: that is listened on: a loopback one answers to loopback names and addresses only, any other to
    ///     addresses and to the names of this machine as well.
    ///   - machineName: with or without its domain.
    init(listeningOn address: AdminAddress, machineName: String = AdminHosts.machineName) {
        isLoopback = Self.isLoopback(address.host)
        self.machineName = machineName.lowercased()
    }

    /// - Parameter header: a Host header: a name or an address, and perhaps a port.
    func allows(_ header: String) -> Bool {
        guard let host = Self.host(of: header.lowercased()), !host.isEmpty else { return false }
        if host == "localhost" || Self.isLoopback(host) { return true }
        if isLoopback { return false }
        if (try? SocketAddress(ipAddress: host, port: 0)) != nil { return true }
        if machineName.isEmpty { return false }
        let (short, own) = (host.prefix { $0 != "." }, machineName.prefix { $0 != "." })
        return host == machineName || host == own || (!machineName.contains(".") && short == own)
    }

    /// Without the port, brackets and the dot of a name that is whole; nil for what is no host.
    private static func host(of header: String) -> String? {
        var rest = Substring(header)
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            let host = rest[rest.index(after: rest.startIndex)..<end]
            let port = rest[rest.index(after: end)...]
            return port.isEmpty || isPort(port) ? String(host) : nil
        }
        if let colon = rest.firstIndex(of: ":") {
            guard isPort(rest[colon...]) else { return nil }
            rest = rest[..<colon]
        }
        return String(rest.hasSuffix(".") ? rest.dropLast() : rest)
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.hasPrefix(":") && text.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
    }

    private static func isLoopback(_ host: String) -> Bool {
        guard let address = try? SocketAddress(ipAddress: host, port: 0) else { return false }
        return address.ipAddress?.hasPrefix("127.") == true || address.ipAddress == "::1"
    }

    private static var machineName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
