import NIOCore

/// Bounds of the phases that no setting governs.
enum ConnectionTimes {
    /// How long a connection that we have ended may stay open for its peer to read the last bytes
    /// and close. Closing at once with unread input would turn into a reset that loses them.
    static let linger = TimeAmount.seconds(5)

    /// How long a backend may take to close after a CancelRequest; pgjdbc waits as long for us.
    static let cancelReply = TimeAmount.seconds(10)
}
