import RouteMap

/// Which of several branches has a host port.
///
/// Frost gives the port of a container that is gone to the next, and goes on saying that the first is active. The port
/// is that of the branch which was the last to be active with it; of those that are first seen together, the newest.
/// One that sleeps has it only when none is active, since Frost's listener cannot have a port that a container has.
struct PortClaims: Hashable, Sendable {
    private struct Claim: Hashable {
        var port: UInt16
        var isActive: Bool
        /// Later ones are higher.
        var order: Int
    }

    private var claims: [String: Claim] = [:]
    private var lastOrder = 0
    private var hasLooked = false

    /// Takes note of who claims a port that has not done so before.
    ///
    /// - Parameter inForce: the map, which alone knows at the first look who had a port before.
    mutating func look(at contents: FrostContents, inForce: RouteLists?) {
        // A moment of a migration, and not the end of all branches: who had a port has it afterwards.
        guard !contents.branches.isEmpty else { return }
        defer { hasLooked = true }
        var current: [String: Claim] = [:]
        var new: [(rank: Int, id: String, claim: Claim)] = []
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
            // At a later look, one that was stopped has become active: the latest.
            let rank = hasLooked || !known.contains(id) ? 2 : isRouted ? 1 : 0
            new.append((rank, id, Claim(port: port, isActive: branch.isActive, order: 0)))
        }
        for rank in 0...2 {
            // In their order: the oldest first.
            for entry in new where entry.rank == rank {
                lastOrder += 1
                current[entry.id] = Claim(port: entry.claim.port, isActive: entry.claim.isActive, order: lastOrder)
            }
        }
        claims = current
    }

    /// - Returns: the branch of each port.
    func owners(in contents: FrostContents) -> [UInt16: FrostContents.Branch] {
        var owners: [UInt16: (branch: FrostContents.Branch, claim: Claim)] = [:]
        for branch in contents.branches {
            guard let claim = claims[branch.target.id] else { continue }
            if let owner = owners[claim.port]?.claim {
                if owner.isActive != claim.isActive {
                    if owner.isActive { continue }
                } else if owner.order > claim.order {
                    continue
                }
            }
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
