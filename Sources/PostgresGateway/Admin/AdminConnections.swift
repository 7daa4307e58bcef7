import NIOCore

/// The connections that the admin address has open, in order of arrival. On its event loop.
final class AdminConnections {
    private struct Entry {
        var channel: any Channel
        /// Whether its request has come.
        var hasRequest = false
    }

    private let maximum: Int
    private var lastNumber: UInt64 = 0
    private var entries: [UInt64: Entry] = [:]

    /// - Parameter maximum: connections open at a time.
    init(maximum: Int) {
        self.maximum = maximum
    }

    /// Enters a connection until it is closed. When there are too many, the oldest that has not asked anything goes.
    ///
    /// - Returns: its number; nil when all that are open have asked, and none can be let in.
    func add(_ channel: any Channel) -> UInt64? {
        guard entries.count < maximum || evictIdle() else { return nil }
        lastNumber += 1
        let number = lastNumber
        entries[number] = Entry(channel: channel)
        channel.closeFuture.assumeIsolated().whenComplete { [self] _ in entries[number] = nil }
        return number
    }

    /// Its request has arrived: later connections cannot take its place.
    func noteRequest(_ number: UInt64) {
        entries[number]?.hasRequest = true
    }

    /// Closes the connection that has waited longest without a request.
    ///
    /// - Returns: false when there is none.
    func evictIdle() -> Bool {
        guard let number = entries.filter({ !$0.value.hasRequest }).keys.min(),
            let entry = entries.removeValue(forKey: number)
        else { return false }
        entry.channel.close(promise: nil)
        return true
    }
}

@available(*, unavailable)
extension AdminConnections: Sendable {}
