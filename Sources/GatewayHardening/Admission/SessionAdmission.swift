package import GatewayCore
package import NIOCore
package import RouteMap

/// Admits sessions (DESIGN.md, "Admission", permits "session" and "unauthenticated").
///
/// Pure; takes the time as a parameter. Permits are taken before the dial and returned once; returning one again
/// has no effect.
package struct SessionAdmission: Sendable {
    package enum Verdict: Hashable, Sendable {
        /// Dial.
        case admitted
        /// Not yet; ``Change/admitted`` reports when. Call ``tick(at:)`` periodically until then.
        case waiting
        case refused(Limit)
    }

    /// The effect of one session's change on others.
    package struct Change: Hashable, Sendable {
        /// Sessions that were waiting and may dial now.
        package var admitted: [ConnectionID] = []
        /// Sessions that have not authenticated and make way for others.
        package var evicted: [ConnectionID] = []

        package init(admitted: [ConnectionID] = [], evicted: [ConnectionID] = []) {
            self.admitted = admitted
            self.evicted = evicted
        }

        fileprivate mutating func add(_ other: Change) {
            admitted += other.admitted
            evicted += other.evicted
        }
    }

    private struct Session: Sendable {
        let address: AddressKey
        let target: String
        /// Since when it may dial, while it has not authenticated; nil before and after.
        var unauthenticatedSince: NIODeadline?
    }

    private struct Failures: Sendable {
        var times: [NIODeadline] = []
        var blockedUntil: NIODeadline?
        var lastUse: NIODeadline
    }

    private struct Visitor: Hashable, Sendable {
        let address: AddressKey
        let target: String
    }

    private let limits: AdmissionLimits
    private var sessions: [ConnectionID: Session] = [:]
    private var byTarget: [String: Int] = [:]
    private var byAddress: [AddressKey: Int] = [:]
    private var addresses: Turnstile<AddressKey>
    private var targets: Turnstile<String>
    /// Sessions that have not authenticated, by branch.
    private var unauthenticated: [String: FairQueue<AddressKey>] = [:]
    /// Branches that sessions wait for, or did a moment ago.
    private var contested: Set<String> = []
    private var failures: [Visitor: Failures] = [:]

    /// Maximum number of visitors whose failed logins are remembered; above it, the least recent are forgotten.
    private static let maximumVisitors = 50_000

    package init(limits: AdmissionLimits) {
        self.limits = limits
        addresses = Turnstile(maximum: limits.maxUnauthenticatedPerAddress)
        targets = Turnstile(maximum: limits.maxUnauthenticatedPerRoute)
    }

    package var count: Int { sessions.count }
    package func count(ofTarget target: String) -> Int { byTarget[target] ?? 0 }
    package func unauthenticatedCount(ofTarget target: String) -> Int { targets.count(of: target) }
    package func unauthenticatedCount(of address: AddressKey) -> Int { addresses.count(of: address) }

    // MARK: Sessions

    /// Asks for all permits of a session.
    package mutating func begin(
        _ id: ConnectionID,
        to route: Route,
        from address: AddressKey,
        at now: NIODeadline
    ) -> (Verdict, Change) {
        let target = route.target.id
        let refused: Limit? =
            if isBlocked(address, at: target, now) {
                .authenticationFailures
            } else if sessions.count >= limits.maxConnections {
                .connections
            } else if let most = perRoute(route), byTarget[target, default: 0] >= most {
                .connectionsPerRoute
            } else if limits.maxConnectionsPerAddress > 0,
                byAddress[address, default: 0] >= limits.maxConnectionsPerAddress
            {
                .connectionsPerAddress
            } else {
                nil
            }
        if let refused { return (.refused(refused), Change()) }
        sessions[id] = Session(address: address, target: target)
        byTarget[target, default: 0] += 1
        byAddress[address, default: 0] += 1
        guard addresses.enter(id, address) else { return (.waiting, Change()) }
        return enterTarget(id, at: now)
    }

    /// Whether a session waits for a branch, so that ``tick(at:)`` may admit one.
    package var needsTick: Bool { !contested.isEmpty }

    /// Ends sessions that have had their time in favour of those that wait for their branches.
    package mutating func tick(at now: NIODeadline) -> Change {
        var change = Change()
        for target in contested {
            guard targets.waitingCount(of: target) > 0 else {
                contested.remove(target)
                continue
            }
            while case let more = makeRoom(at: target, now), !more.evicted.isEmpty { change.add(more) }
        }
        return change
    }

    /// The limit that a session waits for.
    package func awaitedLimit(_ id: ConnectionID) -> Limit {
        targets.isWaiting(id) ? .unauthenticatedPerRoute : .unauthenticatedPerAddress
    }

    /// The server has authenticated the client.
    package mutating func authenticated(_ id: ConnectionID, at now: NIODeadline) -> Change {
        guard let session = sessions[id], session.unauthenticatedSince != nil else { return Change() }
        sessions[id]?.unauthenticatedSince = nil
        return leaveStartup(id, session, at: now)
    }

    /// The session is over, or was never begun.
    package mutating func end(_ id: ConnectionID, at now: NIODeadline) -> Change {
        guard let session = sessions.removeValue(forKey: id) else { return Change() }
        Self.decrement(&byTarget, session.target)
        Self.decrement(&byAddress, session.address)
        return leaveStartup(id, session, at: now)
    }

    // MARK: Failed logins

    /// A login failed.
    package mutating func loginFailed(_ id: ConnectionID, at now: NIODeadline) {
        guard limits.maxAuthenticationFailures > 0, let session = sessions[id] else { return }
        let visitor = Visitor(address: session.address, target: session.target)
        var failed = failures[visitor] ?? Failures(lastUse: now)
        failed.lastUse = now
        failed.times.removeAll { $0 + AdmissionLimits.failureWindow <= now }
        failed.times.append(now)
        if failed.times.count >= limits.maxAuthenticationFailures {
            failed.times = []
            failed.blockedUntil = now + AdmissionLimits.failurePenalty
        }
        failures[visitor] = failed
        if failures.count > Self.maximumVisitors { forgetVisitors(at: now) }
    }

    private func isBlocked(_ address: AddressKey, at target: String, _ now: NIODeadline) -> Bool {
        guard let until = failures[Visitor(address: address, target: target)]?.blockedUntil else { return false }
        return now < until
    }

    /// Forgets visitors without recent failures, and then the least recent half.
    private mutating func forgetVisitors(at now: NIODeadline) {
        failures = failures.filter { $1.lastUse + AdmissionLimits.failureWindow > now }
        guard failures.count > Self.maximumVisitors / 2 else { return }
        let times = failures.values.map(\.lastUse).sorted()
        let middle = times[times.count / 2]
        failures = failures.filter { $1.lastUse > middle }
    }

    // MARK: Parts

    private func perRoute(_ route: Route) -> Int? {
        if let own = route.maxConnections { return Int(own) }
        return limits.maxConnectionsPerRoute > 0 ? limits.maxConnectionsPerRoute : nil
    }

    private mutating func enterTarget(_ id: ConnectionID, at now: NIODeadline) -> (Verdict, Change) {
        guard let session = sessions[id] else { return (.refused(.connections), Change()) }
        if targets.enter(id, session.target) {
            startDialling(id, session, at: now)
            return (.admitted, Change())
        }
        var change = makeRoom(at: session.target, now)
        if let index = change.admitted.firstIndex(of: id) {
            change.admitted.remove(at: index)
            return (.admitted, change)
        }
        contested.insert(session.target)
        return (.waiting, change)
    }

    private mutating func startDialling(_ id: ConnectionID, _ session: Session, at now: NIODeadline) {
        sessions[id]?.unauthenticatedSince = now
        unauthenticated[session.target, default: FairQueue()].insert(id, session.address)
    }

    /// The one that would be evicted next, of the address that holds most.
    private mutating func candidate(at target: String) -> (id: ConnectionID, since: NIODeadline)? {
        guard let id = unauthenticated[target]?.oldestOfLargest(), let since = sessions[id]?.unauthenticatedSince
        else { return nil }
        return (id, since)
    }

    /// Ends one session of a branch that has had its time, if another one waits.
    private mutating func makeRoom(at target: String, _ now: NIODeadline) -> Change {
        guard targets.waitingCount(of: target) > 0, let (id, since) = candidate(at: target),
            since + AdmissionLimits.unauthenticatedGrace <= now
        else { return Change() }
        var change = end(id, at: now)
        change.evicted.append(id)
        return change
    }

    private mutating func leaveStartup(_ id: ConnectionID, _ session: Session, at now: NIODeadline) -> Change {
        var change = Change()
        unauthenticated[session.target]?.remove(id)
        if unauthenticated[session.target]?.isEmpty == true { unauthenticated[session.target] = nil }
        if let next = targets.leave(id), let waited = sessions[next] {
            startDialling(next, waited, at: now)
            change.admitted.append(next)
        }
        if let next = addresses.leave(id) {
            let (verdict, more) = enterTarget(next, at: now)
            change.add(more)
            if verdict == .admitted { change.admitted.append(next) }
        }
        return change
    }

    private static func decrement<Key: Hashable>(_ counts: inout [Key: Int], _ key: Key) {
        let count = (counts[key] ?? 1) - 1
        counts[key] = count == 0 ? nil : count
    }

    /// Whether nothing is held, not even a count; failed logins are remembered longer.
    package var isEmpty: Bool {
        sessions.isEmpty && byTarget.isEmpty && byAddress.isEmpty && addresses.isEmpty && targets.isEmpty
            && unauthenticated.isEmpty
    }
}
