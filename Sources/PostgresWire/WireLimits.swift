/// Every bound that the start-up phase sets on a length a peer may claim.
package enum WireLimits {
    /// Smallest value of a start-up packet's length field: the field itself and a protocol code.
    ///
    /// PostgreSQL: `ProcessStartupPacket`, `len < sizeof(ProtocolVersion)`.
    package static let minimumStartupPacketLength: UInt32 = 8

    /// Largest value of a start-up packet's length field, in bytes.
    ///
    /// PostgreSQL's `MAX_STARTUP_PACKET_LENGTH` (10,000) bounds what follows the length field, so
    /// the field itself may say 10,004; a smaller bound here would refuse what the server accepts.
    package static let maximumStartupPacketLength: UInt32 = 10_004

    /// Length of a cancel key's secret, in bytes: 4 up to protocol 3.0, up to 256 from 3.2 on.
    package static let cancelSecretLength: ClosedRange<Int> = 4...256

    /// Bytes of a backend message's header: its type and its length field.
    package static let messageHeaderLength = 5

    /// Smallest value of a backend message's length field: the field itself.
    package static let minimumMessageLength: UInt32 = 4

    /// Largest value of a backend message's length field: PostgreSQL's `PQ_LARGE_MESSAGE_LIMIT`,
    /// one gigabyte less one.
    package static let maximumMessageLength: UInt32 = 0x3fff_ffff
}
