import GatewayCore
import GatewayHardening
import NIOCore
import PostgresWire
import RouteMap
import TLSWire

/// The gateway without sockets, loops and TLS: its machines and admission, joined as `ClientHandler` and `RelaySession` join
/// them.
struct GatewayModel {
    private(set) var admission: AdmissionModel
    private var connections: [ConnectionID: ModelConnection] = [:]
    /// In order of arrival.
    private var order: [ConnectionID] = []
    private var lastNumber: UInt64 = 0
    private let cancelKeys = CancelKeys()

    /// Most connections that are open at a time.
    private static let maximum = 24

    init(limits: AdmissionLimits) {
        admission = AdmissionModel(limits: limits)
    }

    // MARK: Connections

    /// One that is open; nil without one.
    func connection(_ number: UInt8) -> ConnectionID? { order.isEmpty ? nil : order[Int(number) % order.count] }

    mutating func accept(from address: AddressKey) throws(Violation) {
        guard order.count < Self.maximum else { return }
        lastNumber += 1
        let id = ConnectionID(number: lastNumber)
        let connection = ModelConnection(startup: .client(.preface))
        connections[id] = connection
        order.append(id)
        try admission.enter(id, of: address)
    }

    private mutating func leave(_ id: ConnectionID) throws(Violation) {
        connections[id]?.stage = .left
        order.removeAll { $0 == id }
        try admission.leave(id)
        connections[id] = nil
    }

    // MARK: Events of a client

    /// An event of a connection that has not been handed over.
    mutating func client(
        _ id: ConnectionID,
        _ event: (inout ConnectionMachine) -> ConnectionMachine.Action
    ) throws(Violation) {
        guard case .client(var machine) = connections[id]?.stage else { return }
        let action = event(&machine)
        connections[id]?.stage = .client(machine)
        try MachineProperties.check(action, machine)
        try run(action, id, machine)
    }

    private mutating func run(
        _ action: ConnectionMachine.Action,
        _ id: ConnectionID,
        _ machine: ConnectionMachine
    ) throws(Violation) {
        // A start-up that becomes a session gives its place up with the permits it gets.
        if case .admit = action {} else { try notify(id, machine) }
        switch action {
        case .wait, .answer, .startTLS, .dial, .relay, .cancel, .finish: break
        case .resolveRoute(let hello):
            let entry = hello.serverName.flatMap { FuzzRoutes.table.entry(for: $0) }
            let decision: ConnectionMachine.Decision =
                if case .active(let route) = entry { .route(route) } else { .refuse(.noServerName) }
            try client(id) { $0.routeResolved(decision) }
        case .admit(let route):
            switch try admission.begin(id, to: route) {
            case .admitted:
                connections[id]?.startup = nil
                try client(id) { $0.admitted() }
            case .waiting:
                connections[id]?.startup = nil
            case .refused(let limit):
                try client(id) { $0.refused(.limitReached(limit, route)) }
            }
        case .refuse: try admission.endSession(id)
        case .close, .closeLingering: try close(id, machine)
        }
    }

    private mutating func notify(_ id: ConnectionID, _ machine: ConnectionMachine) throws(Violation) {
        guard let connection = connections[id], connection.startup != machine.startup else { return }
        connections[id]?.startup = machine.startup
        try admission.move(id, to: machine.startup)
    }

    private mutating func close(_ id: ConnectionID, _ machine: ConnectionMachine) throws(Violation) {
        try admission.endSession(id)
        try requireOver(machine)
        try leave(id)
    }

    /// Nothing is left to do for a connection that is closed, whatever still comes.
    private func requireOver(_ machine: ConnectionMachine) throws(Violation) {
        let events: [(inout ConnectionMachine) -> ConnectionMachine.Action] = [
            { $0.received(ByteBuffer(bytes: [0, 0, 0, 8])) }, { $0.inputClosed() }, { $0.failed() }, { $0.dialed() },
            { $0.dialFailed() }, { $0.admitted() }, { $0.evicted() }, { $0.draining() }, { $0.gatewayClosed() },
            { $0.outputFinished() }, { $0.lingerExpired() }, { $0.deadlineReached() }, { $0.cancelServed() },
            { $0.routeGone() }, { $0.refused(.shuttingDown) }, { $0.handshakeCompleted(applicationProtocol: nil) },
        ]
        for event in events {
            var copy = machine
            let action = event(&copy)
            try require(action == .wait, "\(action) of a connection that is closed")
        }
    }

    /// A flight of the handshake came in, and waits for its turn.
    mutating func flightReceived(_ id: ConnectionID) throws(Violation) {
        guard case .client(var machine) = connections[id]?.stage else { return }
        machine.flightReceived()
        connections[id]?.stage = .client(machine)
        try notify(id, machine)
        if machine.isHandshaking { try admission.waitForHandshake(id) }
    }

    /// Its turn has come.
    mutating func flightAnswered(_ id: ConnectionID) throws(Violation) {
        guard case .client(var machine) = connections[id]?.stage else { return }
        admission.beginHandshake(id)
        machine.flightAnswered()
        connections[id]?.stage = .client(machine)
        try notify(id, machine)
    }

    /// The wait for permits is over.
    mutating func waitExpired(_ id: ConnectionID) throws(Violation) {
        guard case .client(let machine) = connections[id]?.stage, let route = machine.route else { return }
        let limit = admission.awaitedLimit(id)
        try client(id) { $0.refused(.limitReached(limit, route)) }
    }

    /// The backend's port answers.
    mutating func dialed(_ id: ConnectionID) throws(Violation) {
        guard case .client(var machine) = connections[id]?.stage else { return }
        let action = machine.dialed()
        connections[id]?.stage = .client(machine)
        try MachineProperties.check(action, machine)
        guard case .relay(let route, let bytes) = action else { return try run(action, id, machine) }
        try require(bytes.readableBytes > 0, "the backend gets no StartupMessage")
        try requireOver(machine)
        connections[id]?.stage = .relay(ModelRelay(upstream: UpstreamMachine(route: route)))
    }

    // MARK: Events of a relay

    mutating func relay(
        _ id: ConnectionID,
        _ event: (inout RelayMachine) -> [RelayMachine.Action]
    ) throws(Violation) {
        guard case .relay(var relay) = connections[id]?.stage else { return }
        let actions = event(&relay.machine)
        try relay.legs.check(actions)
        connections[id]?.stage = .relay(relay)
        try run(actions, id, relay)
    }

    mutating func closed(_ id: ConnectionID, _ side: Side) throws(Violation) {
        guard case .relay(var relay) = connections[id]?.stage, !relay.legs.closed.contains(side) else { return }
        if side == .backend { _ = relay.upstream?.closed() }
        relay.legs.close(side)
        connections[id]?.stage = .relay(relay)
        try self.relay(id) { $0.closed(side) }
    }

    private mutating func run(
        _ actions: [RelayMachine.Action],
        _ id: ConnectionID,
        _ relay: ModelRelay
    ) throws(Violation) {
        for action in actions {
            switch action {
            case .sessionEnded: try admission.endSession(id)
            case .end:
                if let key = relay.key { cancelKeys.remove(key, session: id) }
                try leave(id)
            // A leg is closed later, by an event of its own.
            case .close, .finishOutput, .startLinger, .startAbandonment, .startRouteGrace, .cancelRouteGrace: break
            }
        }
    }

    /// Bytes of the server.
    mutating func answered(_ id: ConnectionID, _ bytes: ByteBuffer) throws(Violation) {
        guard case .relay(var relay) = connections[id]?.stage, !relay.legs.closed.contains(.backend) else { return }
        let backend = try? SocketAddress(ipAddress: "127.0.0.1", port: 10_000)
        for action in relay.upstream?.received(bytes) ?? [] {
            switch action {
            case .learn(let key):
                guard relay.key == nil, let backend else { continue }
                relay.key = key
                cancelKeys.add(key, session: id, backend: backend)
                try require(cancelKeys.backend(for: key) == backend, "a key of one backend is not found")
            case .authenticated: try admission.authenticated(id)
            case .loginFailed: admission.loginFailed(id)
            case .ready: relay.machine.ready()
            }
        }
        if relay.upstream?.isFinished == true { relay.upstream = nil }
        connections[id]?.stage = .relay(relay)
    }

    /// The time to authenticate is over.
    mutating func authenticationTimedOut(_ id: ConnectionID) throws(Violation) {
        guard case .relay(var relay) = connections[id]?.stage, relay.upstream?.isUnauthenticated == true else { return }
        _ = relay.upstream?.authenticationTimedOut()
        connections[id]?.stage = .relay(relay)
        try self.relay(id) { $0.finish() }
    }

    // MARK: Notices

    /// A notice of admission arrives.
    mutating func deliver(_ notice: AdmissionModel.Notice) throws(Violation) {
        let id = notice.id
        switch (notice.event, connections[id]?.stage) {
        case (_, .left), (_, nil): break
        case (.admitted, .client): try client(id) { $0.admitted() }
        case (.evicted, .client): try client(id) { $0.evicted() }
        case (.evictedSession, .client(let machine)):
            if let route = machine.route {
                try client(id) { $0.refused(.limitReached(.unauthenticatedPerRoute, route)) }
            }
        case (.evictedSession, .relay(var relay)):
            _ = relay.upstream?.evicted(.unauthenticatedPerRoute)
            connections[id]?.stage = .relay(relay)
            try self.relay(id) { $0.finish() }
            // Its linger time ends.
            try closed(id, .client)
        case (.admitted, .relay), (.evicted, .relay): break
        }
    }

    mutating func deliverNext() throws(Violation) {
        if let notice = admission.takeNotice() { try deliver(notice) }
    }

    mutating func deliverNext(to id: ConnectionID) throws(Violation) {
        if let notice = admission.takeNotice(of: id) { try deliver(notice) }
    }

    // MARK: Events of admission

    mutating func pass(_ time: TimeAmount) { admission.pass(time) }
    mutating func tick() throws(Violation) { try admission.tick() }
    mutating func makeRoom() throws(Violation) { try admission.makeRoom() }

    // MARK: What holds

    /// Permits are held by those that act on them, once every notice has arrived.
    func check() throws(Violation) {
        try admission.check()
        for (id, connection) in connections where !admission.hasNotice(id) {
            try require(
                admission.hasPlace(id) == connection.believesInPlace || connection.servesCancel,
                "a start-up goes on without a place, or has two"
            )
            try require(admission.hasSession(id) == connection.believesInSession, "a session goes on without permits")
        }
    }

    /// Every connection ends in some way, and nothing is held then.
    mutating func end() throws(Violation) {
        while let id = order.first {
            try deliverAll(to: id)
            try client(id) { $0.failed() }
            for side in [Side.client, .backend] { try closed(id, side) }
            try require(connections[id] == nil, "a connection is closed and not over")
            try check()
        }
        try require(cancelKeys.count == 0, "\(cancelKeys.count) cancel keys are left")
    }

    private mutating func deliverAll(to id: ConnectionID) throws(Violation) {
        while let notice = admission.takeNotice(of: id) {
            try deliver(notice)
            try check()
        }
    }
}
