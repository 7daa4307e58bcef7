import RouteMap

/// Decides which of several branches owns a host port.
///
/// Frost assigns the port of a removed container to the next one, but still reports the first as active. The owner is
/// the branch that became active with the port last, even if it sleeps since then: Frost's listener has the port. Of
/// branches first seen together, the newest owns it; one first seen asleep owns it only if no other claims it.
struct PortClaims: Hashable, Sendable {
    private struct Claim: Hashable {
        var port: UInt16
        var isActive: Bool
        /// Later ones are higher.
        var order: Int

        func with(order: Int) -> Claim { Claim(port: port, isActive: isActive, order: order) }
    }

    /// The priority of a new claim, lowest first.
    private enum Rank {
        case asleep
        /// By the existing map at the first look.
        case stopped, routed
        case new
    }

    private var claims: [String: Claim] = [:]
    private var lastOrder = 0
    private var firstOrder = 0
    private var hasLooked = false

    /// Records new claims of ports.
    ///
    /// - Parameter inForce: the current map, the only record of owners at the first look.
    mutating func look(at contents: FrostContents, inForce: RouteLists?) {
        // A moment of a migration rather than the end of all branches: owners keep their ports.
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
        // In order, oldest first; sleeping ones rank below all others.
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
    /// The owner of a port in the map.
    fileprivate struct Claim: Hashable {
        var id: String
        var port: UInt16
    }
}
