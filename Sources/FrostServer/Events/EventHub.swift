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
            /// Sessions through the gateway, by branch.
            case sessions
            /// The state of the gateway.
            case gateway
        }

        var kind: Kind
        var data: JSONValue

        /// In the format of a stream of events (HTML standard, "Server-sent events").
        var text: String { "event: \(kind.rawValue)\ndata: \(String(decoding: data.data, as: UTF8.self))\n\n" }
    }

    /// The shortest interval of comparisons when the store changes all the time.
    private static let interval = Duration.milliseconds(200)
    /// Limit of events queued for one listener. The oldest are dropped, since each contains the whole state of its
    /// object.
    private static let maximumWaiting = 512
    /// The number of operations compared: no more than these end between two comparisons.
    private static let operations = 200

    /// A branch's visible state.
    private struct SeenTarget: Equatable {
        var shape: JSONValue
        /// Not part of events, but of connection strings.
        var password: String
    }

    private struct Seen {
        var targets: [String: SeenTarget] = [:]
        var operations: [String: JSONValue] = [:]
        var settings: JSONValue = .null
    }

    /// Interval of queries of the gateway.
    private static let gatewayInterval = Duration.seconds(2)

    private let state: ServerState
    private var listeners: [Int: AsyncStream<Event>.Continuation] = [:]
    private var last = 0
    /// Signals a new listener.
    private let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(_ state: ServerState) { self.state = state }

    /// Changes from now on. Ends with the hub.
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

    /// Watches until the task is cancelled; then all listeners' streams end.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            // A slow gateway delays nothing else.
            group.addTask { await self.followGateway() }
            await followStore()
        }
        for listener in listeners.values { listener.finish() }
    }

    private func followGateway() async {
        var seen: GatewayCondition?
        // Query the gateway only while there are listeners.
        for await _ in arrivals {
            while !listeners.isEmpty, (try? await Task.sleep(for: Self.gatewayInterval)) != nil {
                guard let now = try? await state.gateway.condition() else { continue }
                if now.sessions != seen?.sessions || now.refusalCounts != seen?.refusalCounts {
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
