import RouteMap

/// Which of several branches has a host port.
///
/// Frost gives the port of a container that is gone to the next, and goes on saying that the first is active. The port
/// is that of the branch which was the last to become active with it, also when that sleeps since: Frost's listener has
/// it then. Of those that are first seen together the newest has it, and one that is first seen asleep only when no
/// other claims it.
struct PortClaims: Hashable, Sendable {
    private struct Claim: Hashable {
        var port: UInt16
        var isActive: Bool
        /// Later ones are higher.
        var order: Int

        func with(order: Int) -> Claim { Claim(port: port, isActive: isActive, order: order) }
    }

    /// How good a claim is that was not there at the last look, the worst first.
    private enum Rank {
        case asleep
        /// By the map that was there at the first look.
        case stopped, routed
        case new
    }

    private var claims: [String: Claim] = [:]
    private var lastOrder = 0
    private var firstOrder = 0
    private var hasLooked = false

    /// Takes note of who claims a port that has not done so before.
    ///
    /// - Parameter inForce: the map, which alone knows at the first look who had a port before.
    mutating func look(at contents: FrostContents, inForce: RouteLists?) {
        // A moment of a migration, and not the end of all branches: who had a port has it afterwards.
        guard !contents.branches.isEmpty else { return }
        defer { hasLooked = true }
        var current: [String: Claim] = [:]
        var new: [(rank: Rank, id: String, claim: Claim)] = []
        let routed = Set(inForce?.routes.map { Route.Claim(id: $0.target.id, port: $0.hostPort) } ?? [])
        let known = Set(routed.map(\.id)).union(inForce?.stopped.map(\.target.id) ?? [])
        for branch in contents.branches where branch.isActive || branch.wakes {
            guard let port = branch.hostPort else { continue }
            let id = branch.target.id
            if var claim = claims[id], claim.port == port, claim.isActive || !branch.isActive {
                claim.isActive = branch.isActive
                current[id] = claim
                continue
            }
            let isRouted = routed.contains(Route.Claim(id: id, port: port))
            let rank: Rank
            if hasLooked || !known.contains(id) {
                rank = branch.isActive ? .new : .asleep
            } else {
                rank = isRouted ? .routed : branch.isActive ? .stopped : .asleep
            }
            new.append((rank, id, Claim(port: port, isActive: branch.isActive, order: 0)))
        }
        // In their order, the oldest first; those asleep are below all that there are.
        let asleep = new.filter { $0.rank == .asleep }
        firstOrder -= asleep.count
        for (offset, entry) in asleep.enumerated() {
            current[entry.id] = entry.claim.with(order: firstOrder + offset)
        }
        for rank in [Rank.stopped, .routed, .new] {
            for entry in new where entry.rank == rank {
                lastOrder += 1
                current[entry.id] = entry.claim.with(order: lastOrder)
            }
        }
        claims = current
    }

    /// - Returns: the branch of each port.
    func owners(in contents: FrostContents) -> [UInt16: FrostContents.Branch] {
        var owners: [UInt16: (branch: FrostContents.Branch, claim: Claim)] = [:]
        for branch in contents.branches {
            guard let claim = claims[branch.target.id] else { continue }
            if let owner = owners[claim.port]?.claim, owner.order > claim.order { continue }
            owners[claim.port] = (branch, claim)
        }
        return owners.mapValues(\.branch)
    }
}

extension Route {
    /// Whose a port is, by the map.
    fileprivate struct Claim: Hashable {
        var id: String
        var port: UInt16
    }
}
