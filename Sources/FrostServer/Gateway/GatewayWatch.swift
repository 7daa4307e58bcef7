package import BranchManager
import Foundation

/// Queries the gateway on behalf of all pages and requests.
package actor GatewayWatch {
    /// How long an answer is cached, so that many pages share one query.
    private static let lifetime = Duration.seconds(1)
    /// How long the result of a probe that timed out is kept, so that not every step waits for the next.
    private static let hungLifetime = Duration.seconds(4)
    private static let timeout = Duration.seconds(2)
    /// The timeout of a command's single query.
    package static let commandTimeout = Duration.seconds(1)

    private let place: GatewayPlace
    private let store: BranchStore
    private var last: (at: ContinuousClock.Instant, condition: GatewayCondition)?
    private var looking: Task<GatewayCondition, any Error>?

    init(_ place: GatewayPlace, store: BranchStore) {
        self.place = place
        self.store = store
    }

    /// The state of the gateway, at most some seconds old.
    ///
    /// - Throws: ``BranchError`` when the settings cannot be read.
    func condition() async throws -> GatewayCondition {
        let settings = try GatewayWish(store)
        if let last, last.condition.fault == settings.fault, (last.condition.kind == .off) == !settings.isEnabled {
            let lifetime = last.condition.kind == .hung ? Self.hungLifetime : Self.lifetime
            if ContinuousClock.now - last.at < lifetime { return last.condition }
        }
        // Concurrent callers share one query.
        if let looking { return try await looking.value }
        let (place, store) = (place, store)
        let task = Task(executorPreference: BlockingWork.executor) {
            await self.remember(try await Self.look(at: place, store, timeout: Self.timeout))
        }
        looking = task
        defer { looking = nil }
        return try await task.value
    }

    /// The same, with the time of the first query that found this state.
    private func remember(_ found: GatewayCondition) -> GatewayCondition {
        var condition = found
        if let last, last.condition.kind == condition.kind { condition.since = last.condition.since }
        last = (ContinuousClock.now, condition)
        return condition
    }

    /// Queries once, for a command.
    ///
    /// - Parameter timeout: of the query.
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
        // A fault stored during the query is newer.
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

/// The gateway's settings in the store.
private struct GatewayWish {
    var isEnabled: Bool
    var fault: String?

    init(_ store: BranchStore) throws(BranchError) {
        isEnabled = try store.isGatewayEnabled()
        fault = isEnabled ? try store.gatewayFault() : nil
    }
}
