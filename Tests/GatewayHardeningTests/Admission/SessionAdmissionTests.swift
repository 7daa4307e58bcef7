import GatewayCore
import GatewayHardening
import GatewayTestSupport
import NIOCore
import RouteMap
import TestSupport
import Testing

@Suite struct SessionAdmissionTests {
    private func id(_ number: Int) -> ConnectionID { ConnectionID(number: UInt64(number)) }
    private func address(_ number: Int) throws -> AddressKey {
        AddressKey(try SocketAddress(ipAddress: "2001:db8:0:\(number)::1", port: 1))
    }

    private func at(_ seconds: Double) -> NIODeadline { .uptimeNanoseconds(UInt64((1_000 + seconds) * 1e9)) }

    private static let route = Fixtures.route("dev.example", port: 10_001)

    private func branch(_ number: Int, maxConnections: Int? = nil) throws -> Route {
        Route(
            hostname: try Hostname("b\(number).example"),
            hostPort: 10_000,
            maxConnections: maxConnections,
            target: Target(id: "dbt_\(number)", name: "b\(number)", database: "shop", project: "shop")
        )
    }

    @Test("Exactly as many as are allowed, and a place that is given back is free at once")
    func connections() throws {
        var admission = SessionAdmission(limits: .test(connections: 2))
        let one = try address(1)
        #expect(admission.begin(id(1), to: Self.route, from: one, at: at(0)).0 == .admitted)
        #expect(admission.begin(id(2), to: Self.route, from: one, at: at(0)).0 == .admitted)
        #expect(admission.begin(id(3), to: Self.route, from: one, at: at(0)).0 == .refused(.connections))
        _ = admission.end(id(1), at: at(0))
        _ = admission.end(id(1), at: at(0))
        #expect(admission.begin(id(4), to: Self.route, from: one, at: at(0)).0 == .admitted)
        #expect(admission.begin(id(5), to: Self.route, from: one, at: at(0)).0 == .refused(.connections))
    }

    @Test("A route's own limit wins, over a larger and over a smaller one")
    func routesOwn() throws {
        var limits = AdmissionLimits.test()
        limits.maxConnectionsPerRoute = 2
        for (own, allowed) in [(1, 1), (3, 3), (nil, 2)] as [(Int?, Int)] {
            var admission = SessionAdmission(limits: limits)
            let route = try branch(1, maxConnections: own)
            for number in 0..<allowed {
                #expect(admission.begin(id(number), to: route, from: try address(1), at: at(0)).0 == .admitted)
            }
            let verdict = admission.begin(id(9), to: route, from: try address(1), at: at(0)).0
            #expect(verdict == .refused(.connectionsPerRoute))
        }
    }

    @Test("Logins of an address wait in order, until one of its own has authenticated")
    func unauthenticatedPerAddress() throws {
        var admission = SessionAdmission(limits: .test(unauthenticatedPerAddress: 1))
        let (one, two) = (try address(1), try address(2))
        #expect(admission.begin(id(1), to: Self.route, from: one, at: at(0)).0 == .admitted)
        for number in 2...3 { #expect(admission.begin(id(number), to: Self.route, from: one, at: at(0)).0 == .waiting) }
        #expect(admission.awaitedLimit(id(2)) == .unauthenticatedPerAddress)
        #expect(admission.begin(id(4), to: Self.route, from: two, at: at(0)).0 == .admitted)
        #expect(admission.authenticated(id(1), at: at(1)).admitted == [id(2)])
        #expect(admission.authenticated(id(1), at: at(1)).admitted.isEmpty)
        // One that gives up while it waits takes nothing with it.
        #expect(admission.end(id(3), at: at(1)).admitted.isEmpty)
        #expect(admission.end(id(2), at: at(1)).admitted.isEmpty)
    }

    @Test("Of a branch that is full, the oldest login over two seconds old of who has most makes way")
    func unauthenticatedPerRoute() throws {
        var admission = SessionAdmission(limits: .test(unauthenticatedPerRoute: 3))
        let (one, two, three) = (try address(1), try address(2), try address(3))
        #expect(admission.begin(id(1), to: Self.route, from: two, at: at(0)).0 == .admitted)
        #expect(admission.begin(id(2), to: Self.route, from: one, at: at(0.5)).0 == .admitted)
        #expect(admission.begin(id(3), to: Self.route, from: one, at: at(1)).0 == .admitted)
        #expect(admission.begin(id(4), to: Self.route, from: three, at: at(2)).0 == .waiting)
        #expect(admission.needsTick)
        #expect(admission.awaitedLimit(id(4)) == .unauthenticatedPerRoute)
        #expect(admission.tick(at: at(2.4)) == SessionAdmission.Change())
        let change = admission.tick(at: at(2.5))
        #expect(change.evicted == [id(2)])
        #expect(change.admitted == [id(4)])
        #expect(admission.tick(at: at(2.5)) == SessionAdmission.Change())
        #expect(!admission.needsTick)
        #expect(admission.unauthenticatedCount(ofTarget: Self.route.target.id) == 3)
    }

    @Test("Thirty failed logins in 150 s are refused for 60 s, there and for that address only")
    func failedLogins() throws {
        var admission = SessionAdmission(limits: .test(failures: 3))
        let (one, two) = (try address(1), try address(2))
        let (dev, qa) = (try branch(1), try branch(2))
        func attempt(_ number: Int, _ route: Route, _ address: AddressKey, _ seconds: Double)
            -> SessionAdmission.Verdict
        {
            let verdict = admission.begin(id(number), to: route, from: address, at: at(seconds)).0
            if verdict == .admitted { admission.loginFailed(id(number), at: at(seconds)) }
            _ = admission.end(id(number), at: at(seconds))
            return verdict
        }
        #expect(attempt(1, dev, one, 0) == .admitted)
        #expect(attempt(2, dev, one, 149) == .admitted)
        // The first is forgotten by now.
        #expect(attempt(3, dev, one, 150) == .admitted)
        #expect(attempt(4, dev, one, 151) == .admitted)
        #expect(attempt(5, dev, one, 152) == .refused(.authenticationFailures))
        #expect(attempt(6, dev, two, 152) == .admitted)
        #expect(attempt(7, qa, one, 152) == .admitted)
        #expect(attempt(8, dev, one, 210.9) == .refused(.authenticationFailures))
        #expect(attempt(9, dev, one, 211) == .admitted)
    }

    @Test("Permits are given back once, whatever the order of ends", arguments: 0..<30)
    func anyOrder(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var limits = AdmissionLimits.test(connections: 20, unauthenticatedPerRoute: 4, unauthenticatedPerAddress: 3)
        limits.maxConnectionsPerAddress = 9
        limits.maxConnectionsPerRoute = 8
        var admission = SessionAdmission(limits: limits)
        let addresses = try (1...4).map { try address($0) }
        let routes = try (1...3).map { try branch($0) }
        var waiting: Set<ConnectionID> = []
        var dialling: Set<ConnectionID> = []
        var open: Set<ConnectionID> = []
        func apply(_ change: SessionAdmission.Change) {
            for id in change.admitted {
                #expect(waiting.remove(id) != nil, "only who waits is admitted, and once")
                dialling.insert(id)
            }
            for id in change.evicted {
                #expect(dialling.remove(id) != nil, "only who has not authenticated is evicted")
                open.remove(id)
            }
        }
        for step in 0..<2_000 {
            let now = at(Double(step) / 20)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1:
                let id = id(step)
                let route = routes[Int.random(in: 0..<3, using: &generator)]
                let address = addresses[Int.random(in: 0..<4, using: &generator)]
                let (verdict, change) = admission.begin(id, to: route, from: address, at: now)
                switch verdict {
                case .admitted: dialling.insert(id)
                case .waiting: waiting.insert(id)
                case .refused: break
                }
                if case .refused = verdict {} else { open.insert(id) }
                apply(change)
            case 2:
                if let id = dialling.randomElement(using: &generator) {
                    dialling.remove(id)
                    apply(admission.authenticated(id, at: now))
                }
            case 3:
                if let id = open.randomElement(using: &generator) {
                    open.remove(id)
                    waiting.remove(id)
                    dialling.remove(id)
                    apply(admission.end(id, at: now))
                    #expect(admission.end(id, at: now) == SessionAdmission.Change())
                }
            default:
                apply(admission.tick(at: now))
            }
            #expect(admission.count == open.count)
            #expect(admission.count <= 20)
            for route in routes {
                #expect(admission.count(ofTarget: route.target.id) <= 8)
                #expect(admission.unauthenticatedCount(ofTarget: route.target.id) <= 4)
            }
            for address in addresses { #expect(admission.unauthenticatedCount(of: address) <= 3) }
        }
        for id in open.sorted(by: { $0.number < $1.number }) where open.contains(id) {
            open.remove(id)
            waiting.remove(id)
            dialling.remove(id)
            apply(admission.end(id, at: at(1_000)))
        }
        #expect(admission.isEmpty)
    }
}
