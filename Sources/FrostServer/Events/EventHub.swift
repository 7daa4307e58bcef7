import BranchManager
import Foundation

/// Changes for the listeners, found by comparing the store with its previous state, no matter who made them.
actor EventHub {
    struct Event: Hashable, Sendable {
        enum Kind: String, CaseIterable, Sendable {
            case target
            case targetDeleted = "target-deleted"
            case operation
            case settings
            /// Who is connected through the gateway, by branch.
            case sessions
            /// How the gateway is.
            case gateway
        }

        var kind: Kind
        var data: JSONValue

        /// As a stream of events has it (HTML standard, "Server-sent events").
        var text: String { "event: \(kind.rawValue)\ndata: \(String(decoding: data.data, as: UTF8.self))\n\n" }
    }

    /// Between two looks at a store that changes all the time.
    private static let interval = Duration.milliseconds(200)
    /// Events that wait for one listener; the oldest are dropped, since each says all of its thing.
    private static let maximumWaiting = 512
    /// Operations that are compared: more do not end between two looks.
    private static let operations = 200

    /// A branch as people see it.
    private struct SeenTarget: Equatable {
        var shape: JSONValue
        /// Never told, but shown where a connection string is.
        var password: String
    }

    private struct Seen {
        var targets: [String: SeenTarget] = [:]
        var operations: [String: JSONValue] = [:]
        var settings: JSONValue = .null
    }

    /// Between two looks at the gateway.
    private static let gatewayInterval = Duration.seconds(2)

    private let state: ServerState
    private var listeners: [Int: AsyncStream<Event>.Continuation] = [:]
    private var last = 0
    /// That somebody has begun to listen.
    private let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(_ state: ServerState) { self.state = state }

    /// What changes from now on. It ends with the hub.
    func listen() -> AsyncStream<Event> {
        last += 1
        let number = last
        let (events, continuation) = AsyncStream<Event>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.maximumWaiting)
        )
        continuation.onTermination = { _ in
            Task(executorPreference: BlockingWork.executor) { await self.forget(number) }
        }
        listeners[number] = continuation
        arrival.yield()
        return events
    }

    private func forget(_ number: Int) { listeners[number] = nil }

    /// Looks until the task is cancelled; then all listeners' streams end.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            // A gateway that takes its time holds nothing else up.
            group.addTask { await self.followGateway() }
            await followStore()
        }
        for listener in listeners.values { listener.finish() }
    }

    private func followGateway() async {
        var seen: GatewayCondition?
        // The gateway is asked for those who listen.
        for await _ in arrivals {
            while !listeners.isEmpty, (try? await Task.sleep(for: Self.gatewayInterval)) != nil {
                guard let now = try? await state.gateway.condition() else { continue }
                if now.sessions != seen?.sessions {
                    let counts = now.sessions?.mapValues { JSONValue.integer($0) }
                    tell(Event(kind: .sessions, data: counts.map { .object($0) } ?? .null))
                }
                if let seen, seen.withoutSessions != now.withoutSessions,
                    let report = try? GatewayReport(now, state.store)
                {
                    tell(Event(kind: .gateway, data: Shapes.gateway(report)))
                }
                seen = now
            }
        }
    }

    private func followStore() async {
        var version: Int?
        var seen: Seen?
        for await _ in state.store.changes() {
            if let now = try? state.store.version(), now != version, let current = try? look() {
                if let seen { for event in Self.events(from: seen, to: current) { tell(event) } }
                version = now
                seen = current
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func tell(_ event: Event) {
        for listener in listeners.values { listener.yield(event) }
    }

    private func look() throws -> Seen {
        let targets = try state.store.branches().map { branch in
            (branch.target.id, SeenTarget(shape: Shapes.target(branch), password: branch.database.password))
        }
        let operations = try state.store.operations(limit: Self.operations).map { ($0.id, Shapes.operation($0)) }
        return Seen(
            targets: Dictionary(uniqueKeysWithValues: targets),
            operations: Dictionary(uniqueKeysWithValues: operations),
            settings: Shapes.settings(try ServerSettings(state.store))
        )
    }

    private static func events(from old: Seen, to new: Seen) -> [Event] {
        var events: [Event] = []
        for (id, operation) in new.operations where old.operations[id] != operation {
            events.append(Event(kind: .operation, data: operation))
        }
        for (id, target) in new.targets where old.targets[id] != target {
            events.append(Event(kind: .target, data: target.shape))
        }
        for id in old.targets.keys where new.targets[id] == nil {
            events.append(Event(kind: .targetDeleted, data: .object(["id": .string(id)])))
        }
        if old.settings != new.settings { events.append(Event(kind: .settings, data: new.settings)) }
        return events
    }
}
