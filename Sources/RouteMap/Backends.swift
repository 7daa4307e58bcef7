/// Which routes lead to which address.
struct Backends: Sendable {
    /// The place in the list of the first route of each address.
    private var first: [BackendAddress: Int] = [:]
    /// All places, for the few addresses that have several.
    private var shared: [BackendAddress: [Int]] = [:]
    private var conflicting: Set<BackendAddress> = []

    mutating func reserveCapacity(_ count: Int) { first.reserveCapacity(count) }

    /// Takes note of a route.
    ///
    /// - Returns: false when its host is not a loopback IP address; nothing is noted then.
    mutating func add(_ route: Route, at index: Int) -> Bool {
        guard let address = BackendAddress(host: route.host, port: route.hostPort) else { return false }
        if let other = first[address] {
            shared[address, default: [other]].append(index)
        } else {
            first[address] = index
        }
        return true
    }

    /// Finds the addresses of several targets; where all their routes say that they share it, there is no conflict.
    /// Where one does not, all of them are in conflict: the map contradicts itself.
    ///
    /// - Parameter routes: those that were added, by their places.
    mutating func findConflicts(in routes: [Route]) -> [AddressConflict] {
        var found: [(first: Int, conflict: AddressConflict)] = []
        for (address, places) in shared {
            let claims = places.map { routes[$0] }
            guard let one = claims.first, claims.contains(where: { $0.target.id != one.target.id }),
                !claims.allSatisfy(\.isSharedAddress)
            else { continue }
            conflicting.insert(address)
            found.append((places[0], AddressConflict(host: one.host, hostPort: one.hostPort, routes: claims)))
        }
        return found.sorted { $0.first < $1.first }.map(\.conflict)
    }

    func isConflicting(_ route: Route) -> Bool {
        guard !conflicting.isEmpty, let address = BackendAddress(host: route.host, port: route.hostPort) else {
            return false
        }
        return conflicting.contains(address)
    }

    /// Whether a route's target, and no other that does not share it, is at the route's address.
    ///
    /// - Parameter routes: those that were added, by their places.
    func serves(_ route: Route, in routes: [Route]) -> Bool {
        guard let address = BackendAddress(host: route.host, port: route.hostPort), let place = first[address],
            !conflicting.contains(address)
        else { return false }
        return routes[place].target.id == route.target.id
            || shared[address]?.contains { routes[$0].target.id == route.target.id } == true
    }
}
