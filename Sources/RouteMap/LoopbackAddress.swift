#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An address that a backend may have: the gateway must not become a way into other hosts.
///
/// A value, not a text: two spellings of one address are equal.
enum LoopbackAddress: Hashable, Sendable {
    /// An address of 127.0.0.0/8, the first byte the highest.
    case v4(UInt32)
    /// `::1`, however it is written.
    case v6

    /// - Parameter text: an IP literal; nil is returned for any other address, a mapped one (`::ffff:127.0.0.1`) included.
    init?(_ text: String) {
        if text == Route.defaultHost {
            self = .v4(0x7f00_0001)
        } else if text.utf8.contains(UInt8(ascii: ":")) {
            guard Self.isIPv6Loopback(text) else { return nil }
            self = .v6
        } else {
            guard let address = Self.ipv4Loopback(text) else { return nil }
            self = .v4(address)
        }
    }

    private static func ipv4Loopback(_ text: String) -> UInt32? {
        var address: UInt32 = 0
        var byte: UInt32?
        var dots = 0
        for character in text.utf8 {
            switch character {
            case UInt8(ascii: "."):
                guard let part = byte else { return nil }
                address = address << 8 | part
                byte = nil
                dots += 1
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                // Leading zeroes would be read as octal by some resolvers and as decimal by others.
                guard byte != 0 else { return nil }
                let value = (byte ?? 0) * 10 + UInt32(character & 0x0f)
                guard value <= 255 else { return nil }
                byte = value
            default:
                return nil
            }
            guard dots <= 3 else { return nil }
        }
        guard dots == 3, let last = byte else { return nil }
        address = address << 8 | last
        return address >> 24 == 127 ? address : nil
    }

    private static func isIPv6Loopback(_ text: String) -> Bool {
        // inet_pton(3) stops at a zero byte, which a text may have.
        guard !text.utf8.contains(0) else { return false }
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return false }
        return withUnsafeBytes(of: &address) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
    }
}

/// Where one server listens: what two routes must not have in common unless they say so.
struct BackendAddress: Hashable, Sendable {
    /// The address above the port, in one word: a hundred thousand of them are hashed for every route map.
    private let bits: UInt64

    /// - Returns: nil when the host is not a loopback IP address.
    init?(host: String, port: UInt16) {
        switch LoopbackAddress(host) {
        case .v4(let address): bits = UInt64(address) << 16 | UInt64(port)
        case .v6: bits = 1 << 48 | UInt64(port)
        case nil: return nil
        }
    }
}
