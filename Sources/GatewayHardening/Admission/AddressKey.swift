package import NIOCore

/// The unit of limits by address: an IPv4 address, or the /64 of an IPv6 one.
///
/// A /64 is what one customer of a provider has (RFC 6177); counted by address, limits would be none for IPv6.
/// An IPv4 address that came in over an IPv6 socket (`::ffff:192.0.2.1`) counts as IPv4.
package struct AddressKey: Hashable, Sendable {
    private let isIPv4: Bool
    private let prefix: UInt64

    /// - Parameter address: anything but IP, which no listener of the gateway accepts, counts as one address.
    package init(_ address: SocketAddress?) {
        // Where the address lies in `sockaddr_in` and `sockaddr_in6` (netinet/in.h).
        var bytes: [UInt8] =
            switch address {
            case .v4: address?.rawBytes(4..<8) ?? []
            case .v6: address?.rawBytes(8..<24) ?? []
            case .unixDomainSocket, nil: []
            }
        let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        if bytes.count == 16, Array(bytes.prefix(12)) == mappedPrefix { bytes.removeFirst(12) }
        isIPv4 = bytes.count == 4
        prefix = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension SocketAddress {
    fileprivate func rawBytes(_ range: Range<Int>) -> [UInt8] {
        withSockAddr { address, size in
            let raw = UnsafeRawBufferPointer(start: address, count: size)
            return range.upperBound <= raw.count ? Array(raw[range]) : []
        }
    }
}
