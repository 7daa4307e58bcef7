/// The protocol version of a StartupMessage, or the code of one of the special requests.
///
/// PostgreSQL: `PG_PROTOCOL(major, minor)` in `libpq/pqcomm.h`; special requests use major 1234.
package struct ProtocolVersion: Hashable, Sendable {
    /// The 32 bits as they stand on the wire, in host byte order.
    package var code: UInt32

    package init(code: UInt32) {
        self.code = code
    }

    package init(major: UInt16, minor: UInt16) {
        self.code = UInt32(major) << 16 | UInt32(minor)
    }

    package var major: UInt16 { UInt16(truncatingIfNeeded: code >> 16) }
    package var minor: UInt16 { UInt16(truncatingIfNeeded: code) }

    /// Whether a StartupMessage of this version is one the gateway forwards.
    ///
    /// Only the major version counts: minor versions are negotiated between client and server
    /// (NegotiateProtocolVersion), including ones that do not exist yet.
    package var isSupported: Bool { major == 3 }

    package static let v3_0 = ProtocolVersion(major: 3, minor: 0)
    package static let v3_2 = ProtocolVersion(major: 3, minor: 2)

    package static let cancelRequest = ProtocolVersion(major: 1_234, minor: 5_678)
    package static let sslRequest = ProtocolVersion(major: 1_234, minor: 5_679)
    package static let gssEncRequest = ProtocolVersion(major: 1_234, minor: 5_680)
}

extension ProtocolVersion: CustomStringConvertible {
    package var description: String { "\(major).\(minor)" }
}
