import BranchManager
import Foundation
import FrostServer

/// What a command says of the gateway beside a branch that is reached through it.
struct GatewayLook: Sendable {
    let warning: ExternalWarning
    /// In words, with the next step.
    let text: String

    /// Looks at the gateway, which takes a second at most; whether a `frost up` runs makes no difference.
    ///
    /// - Parameter directory: of the store.
    /// - Returns: nil when clients can connect, and for a branch without a string to connect with.
    /// - Throws: ``BranchError`` when the store cannot be read.
    static func warning(
        for branch: BranchDetails,
        _ store: BranchStore,
        in directory: String
    ) async throws -> GatewayLook? {
        guard branch.target.lifecycleStatus == .active, let hostname = branch.target.hostname,
            try store.isGatewayEnabled()
        else { return nil }
        return warning(for: hostname, try await condition(store, in: directory))
    }

    /// For several branches, with one look.
    ///
    /// - Returns: by the ids of branches; nothing of those that clients can connect to.
    static func warnings(
        for branches: [BranchDetails],
        _ store: BranchStore,
        in directory: String
    ) async throws -> [String: GatewayLook] {
        let routed = branches.filter { $0.target.lifecycleStatus == .active && $0.target.hostname != nil }
        guard !routed.isEmpty, try store.isGatewayEnabled() else { return [:] }
        let condition = try await condition(store, in: directory)
        return routed.reduce(into: [:]) { looks, branch in
            looks[branch.target.id] = branch.target.hostname.flatMap { warning(for: $0, condition) }
        }
    }

    private static func warning(for hostname: String, _ condition: GatewayCondition) -> GatewayLook? {
        guard let warning = ExternalWarning(condition, for: hostname),
            let trouble = warning.trouble(condition, for: hostname)
        else { return nil }
        return GatewayLook(warning: warning, text: trouble.line)
    }

    /// How the gateway is, wherever this store's answers.
    ///
    /// - Throws: ``BranchError`` when the store cannot be read.
    static func condition(_ store: BranchStore, in directory: String) async throws -> GatewayCondition {
        let place = try GatewayPlace(store, isUpRunning: UpLock.isHeld(in: directory))
        return try await GatewayWatch.lookOnce(at: place, store)
    }

    /// What several have in common is said once.
    static func show(_ looks: some Sequence<GatewayLook>) {
        for text in Set(looks.map(\.text)).sorted() { ErrorOutput.print("warning: \(text)") }
    }

    /// One line for people, past what is printed for programs.
    func show() { ErrorOutput.print("warning: \(text)") }
}
