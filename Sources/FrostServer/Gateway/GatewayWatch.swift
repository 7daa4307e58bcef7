package import BranchManager
import Foundation

/// Looks at the gateway, for everybody who wants to know how it is.
package actor GatewayWatch {
    /// How long an answer is good, so that many pages ask once.
    private static let lifetime = Duration.seconds(1)
    /// How long the result of a probe that timed out is kept, so that not every step waits for the next.
    private static let hungLifetime = Duration.seconds(4)
    private static let timeout = Duration.seconds(2)
    /// Of a command, which looks once.
    package static let commandTimeout = Duration.seconds(1)

    private let place: GatewayPlace
    private let store: BranchStore
    private var last: (at: ContinuousClock.Instant, condition: GatewayCondition)?
    private var looking: Task<GatewayCondition, any Error>?

    init(_ place: GatewayPlace, store: BranchStore) {
        self.place = place
        self.store = store
    }

    /// How the gateway is, at most some seconds ago.
    ///
    /// - Throws: ``BranchError`` when the settings cannot be read.
    func condition() async throws -> GatewayCondition {
        let settings = try GatewayWish(store)
        if let last, last.condition.fault == settings.fault, (last.condition.kind == .off) == !settings.isEnabled {
            let lifetime = last.condition.kind == .hung ? Self.hungLifetime : Self.lifetime
            if ContinuousClock.now - last.at < lifetime { return last.condition }
        }
        // Many who ask at once wait for one answer.
        if let looking { return try await looking.value }
        let (place, store) = (place, store)
        let task = Task(executorPreference: BlockingWork.executor) {
            await self.remember(try await Self.look(at: place, store, timeout: Self.timeout))
        }
        looking = task
        defer { looking = nil }
        return try await task.value
    }

    /// The same, known for as long as the state has been.
    private func remember(_ found: GatewayCondition) -> GatewayCondition {
        var condition = found
        if let last, last.condition.kind == condition.kind { condition.since = last.condition.since }
        last = (ContinuousClock.now, condition)
        return condition
    }

    /// Looks once, for a command.
    ///
    /// - Parameter timeout: how long it may take.
    /// - Throws: ``BranchError`` when the settings cannot be read.
    package static func lookOnce(
        at place: GatewayPlace,
        _ store: BranchStore,
        timeout: Duration = commandTimeout
    ) async throws -> GatewayCondition {
        try await look(at: place, store, timeout: timeout)
    }

    private static func look(
        at place: GatewayPlace,
        _ store: BranchStore,
        timeout: Duration
    ) async throws -> GatewayCondition {
        guard try store.isGatewayEnabled() else { return GatewayCondition(state: .off, place: place, since: .now) }
        let finding = await GatewayProbe(place: place, timeout: timeout).ask()
        // What was written while it was asked is the newer word.
        let wish = try GatewayWish(store)
        let state: GatewayCondition.State =
            switch (finding, wish.fault) {
            case _ where !wish.isEnabled: .off
            case (.answers(let answer, let reasons), _): reasons.isEmpty ? .on(answer) : .notReady(reasons, answer)
            case (.unreachable, let fault?), (.hung, let fault?), (.stranger, let fault?): .failed(fault)
            case (.unreachable, nil): .unreachable
            case (.hung, nil): .hung
            case (.stranger, nil): .stranger
            case (.unseen, _): .unseen
            }
        return GatewayCondition(state: state, place: place, fault: wish.isEnabled ? wish.fault : nil, since: .now)
    }
}

/// What the store says of the gateway.
private struct GatewayWish {
    var isEnabled: Bool
    var fault: String?

    init(_ store: BranchStore) throws(BranchError) {
        isEnabled = try store.isGatewayEnabled()
        fault = isEnabled ? try store.gatewayFault() : nil
    }
}
