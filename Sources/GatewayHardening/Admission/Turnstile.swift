package import GatewayCore

/// Admits a limited number per key; the others wait in order of arrival.
package struct Turnstile<Key: Hashable & Sendable>: Sendable {
    private let maximum: Int
    private var inside: [ConnectionID: Key] = [:]
    private var counts: [Key: Int] = [:]
    private var waiting = FairQueue<Key>()

    /// - Parameter maximum: 0 for no limit.
    package init(maximum: Int) {
        self.maximum = maximum == 0 ? .max : maximum
    }

    package func count(of key: Key) -> Int { counts[key] ?? 0 }
    package func waitingCount(of key: Key) -> Int { waiting.count(of: key) }
    package func isWaiting(_ id: ConnectionID) -> Bool { waiting.contains(id) }
    package var isEmpty: Bool { inside.isEmpty && waiting.isEmpty && counts.isEmpty }

    /// Whether it is in at once; otherwise it waits.
    package mutating func enter(_ id: ConnectionID, _ key: Key) -> Bool {
        guard inside[id] == nil else { return true }
        guard count(of: key) < maximum else {
            waiting.insert(id, key)
            return false
        }
        admit(id, key)
        return true
    }

    /// Gives a place back, or ends a wait. One that has neither changes nothing.
    ///
    /// - Returns: the member admitted in its place.
    package mutating func leave(_ id: ConnectionID) -> ConnectionID? {
        guard let key = inside.removeValue(forKey: id) else {
            waiting.remove(id)
            return nil
        }
        let count = count(of: key) - 1
        counts[key] = count == 0 ? nil : count
        guard let next = waiting.oldest(of: key) else { return nil }
        waiting.remove(next)
        admit(next, key)
        return next
    }

    private mutating func admit(_ id: ConnectionID, _ key: Key) {
        inside[id] = key
        counts[key, default: 0] += 1
    }
}
