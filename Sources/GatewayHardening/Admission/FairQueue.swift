package import GatewayCore
import HeapModule

/// Members in order of arrival, grouped by a key, of which the oldest of the largest group can be taken.
///
/// The largest group loses first; among groups of equal size, the one with the oldest member. All calls take
/// amortised logarithmic time, so that a flood pays for itself.
package struct FairQueue<Key: Hashable & Sendable>: Sendable {
    private struct Member: Sendable {
        var key: Key
        var stamp: UInt64
    }

    /// The members of one key in order of arrival; those that have left stay as gaps until they come first.
    private struct Line: Sendable {
        var arrivals: [(id: ConnectionID, stamp: UInt64)] = []
        var first = 0
        var count = 0
    }

    /// What a group was when it last changed; out of date when it has changed since.
    private struct Standing: Comparable, Sendable {
        var count: Int
        var oldest: UInt64
        var key: Key

        static func < (left: Self, right: Self) -> Bool {
            left.count == right.count ? left.oldest > right.oldest : left.count < right.count
        }

        static func == (left: Self, right: Self) -> Bool { left.count == right.count && left.oldest == right.oldest }
    }

    private var members: [ConnectionID: Member] = [:]
    private var lines: [Key: Line] = [:]
    private var standings = Heap<Standing>()
    private var lastStamp: UInt64 = 0

    package init() {}

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    package func count(of key: Key) -> Int { lines[key]?.count ?? 0 }

    package func contains(_ id: ConnectionID) -> Bool { members[id] != nil }

    /// Enters a member, last in its line. One that is in already keeps its place.
    package mutating func insert(_ id: ConnectionID, _ key: Key) {
        guard members[id] == nil else { return }
        lastStamp += 1
        members[id] = Member(key: key, stamp: lastStamp)
        lines[key, default: Line()].arrivals.append((id, lastStamp))
        lines[key]?.count += 1
        changed(key)
    }

    /// - Returns: whether it was in.
    @discardableResult
    package mutating func remove(_ id: ConnectionID) -> Bool {
        guard let member = members.removeValue(forKey: id) else { return false }
        lines[member.key]?.count -= 1
        changed(member.key)
        return true
    }

    /// The oldest member of a key.
    package func oldest(of key: Key) -> ConnectionID? {
        lines[key].flatMap { $0.count > 0 ? $0.arrivals[$0.first].id : nil }
    }

    /// The oldest member of the key that has most.
    package mutating func oldestOfLargest() -> ConnectionID? {
        while let standing = standings.max {
            if let line = lines[standing.key], line.count == standing.count,
                line.arrivals[line.first].stamp == standing.oldest
            {
                return line.arrivals[line.first].id
            }
            standings.removeMax()
        }
        return nil
    }

    /// Takes the gaps away that come first, and notes how the group stands now.
    private mutating func changed(_ key: Key) {
        guard var line = lines.removeValue(forKey: key) else { return }
        guard line.count > 0 else { return }
        while line.first < line.arrivals.count, !isPresent(line.arrivals[line.first]) { line.first += 1 }
        // More gaps than members: the rest moves up, which its removals have paid for.
        if line.arrivals.count > 2 * line.count + 16 {
            line.arrivals = line.arrivals[line.first...].filter { isPresent($0) }
            line.first = 0
        }
        standings.insert(Standing(count: line.count, oldest: line.arrivals[line.first].stamp, key: key))
        lines[key] = line
        if standings.count > 4 * lines.count + 64 { rebuildStandings() }
    }

    private func isPresent(_ arrival: (id: ConnectionID, stamp: UInt64)) -> Bool {
        members[arrival.id]?.stamp == arrival.stamp
    }

    private mutating func rebuildStandings() {
        standings = Heap(
            lines.map { Standing(count: $1.count, oldest: $1.arrivals[$1.first].stamp, key: $0) }
        )
    }
}
