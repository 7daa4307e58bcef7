package import Foundation

/// The targets that hostnames were given to, including deleted ones.
///
/// Branches of one database share their credentials, so a hostname that goes to another branch logs people in
/// silently, to other data. A name is therefore given again only to
/// - the target that has or had it,
/// - a branch of the same name in the same database: who creates it anew under that name asks for it, and names in
///   scripts (`pr-12.…`) are made from it,
/// - any target, once it was free for ``retention``.
package struct HostnameLedger: Hashable, Sendable {
    /// How long a released name is reserved, in seconds: 30 days.
    package static let retention: TimeInterval = 30 * 86_400

    package struct Entry: Hashable, Sendable {
        package var targetID: String
        package var place: HostnameBuilder.Place
        /// When the target let it go, to the second; nil while it has it.
        package var freedAt: Date?

        package init(targetID: String, place: HostnameBuilder.Place, freedAt: Date? = nil) {
            self.targetID = targetID
            self.place = place
            self.freedAt = freedAt
        }
    }

    package private(set) var entries: [Hostname: Entry]

    package init(entries: [Hostname: Entry] = [:]) {
        self.entries = entries
    }

    /// Names for all targets, as ``HostnameBuilder`` gives them, except names reserved for other targets.
    ///
    /// - Parameters:
    ///   - requests: the oldest target first.
    ///   - aliases: names that lead to a target beside its own, by the target's id. No other target is given one, not even a
    ///     branch of the same name in the same database.
    /// - Throws: ``HostnameError`` for a base that is too long.
    package func names(
        for requests: [HostnameBuilder.Request],
        base: Hostname,
        aliases: [Hostname: String] = [:],
        at now: Date
    ) throws(HostnameError) -> [String: Hostname] {
        var previous: [String: [Hostname]] = [:]
        var reserved: [Hostname: HostnameBuilder.Place] = [:]
        // What a target has before what it had, and that before what it had earlier.
        let latestFirst = entries.sorted { one, other in
            let (first, second) = (one.value.freedAt ?? .distantFuture, other.value.freedAt ?? .distantFuture)
            return first == second ? one.key.name < other.key.name : first > second
        }
        for (name, entry) in latestFirst {
            previous[entry.targetID, default: []].append(name)
            if !entry.isFree(at: now) { reserved[name] = entry.place }
        }
        return try HostnameBuilder.names(
            for: requests,
            base: base,
            preferring: previous,
            reserved: reserved,
            aliases: aliases
        )
    }

    /// Notes which names are in use; others are let go, and forgotten in the end.
    ///
    /// - Parameters:
    ///   - requests: all targets that there are.
    ///   - names: of these, by target.
    ///   - lingering: names in use otherwise.
    package mutating func record(
        _ requests: [HostnameBuilder.Request],
        names: [String: Hostname],
        lingering: Set<Hostname> = [],
        at now: Date
    ) {
        var used = lingering
        var present: Set<String> = []
        for request in requests {
            present.insert(request.targetID)
            guard let name = names[request.targetID] else { continue }
            used.insert(name)
            entries[name] = Entry(targetID: request.targetID, place: request.place)
        }
        let second = Date(timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down))
        for (name, entry) in entries where !used.contains(name) {
            if entry.freedAt == nil {
                entries[name]?.freedAt = second
            } else if entry.isFree(at: now), !present.contains(entry.targetID) {
                entries[name] = nil
            }
        }
    }
}

extension HostnameLedger.Entry {
    fileprivate func isFree(at now: Date) -> Bool {
        guard let freedAt else { return false }
        return now.timeIntervalSince(freedAt) >= HostnameLedger.retention
    }
}
