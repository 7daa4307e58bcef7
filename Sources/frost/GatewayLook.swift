import BranchManager
import Foundation
import FrostServer

/// Warnings of commands about the gateway in front of a branch.
struct GatewayLook: Sendable {
    let warning: ExternalWarning
    /// In words, with the next step.
    let text: String

    /// Queries the gateway, in at most a second, with or without a running `frost up`.
    ///
    /// - Parameter directory: of the store.
    /// - Returns: nil when clients can connect, and for a branch without a connection string.
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

    /// For several branches, with one query.
    ///
    /// - Returns: by branch id; without branches that clients can connect to.
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

    /// The state of this store's gateway.
    ///
    /// - Throws: ``BranchError`` when the store cannot be read.
    static func condition(_ store: BranchStore, in directory: String) async throws -> GatewayCondition {
        let place = try GatewayPlace(store, isUpRunning: UpLock.isHeld(in: directory))
        return try await GatewayWatch.lookOnce(at: place, store)
    }

    /// Prints a warning shared by several branches once.
    static func show(_ looks: some Sequence<GatewayLook>) {
        for text in Set(looks.map(\.text)).sorted() { ErrorOutput.print("warning: \(text)") }
    }

    /// One line for users on standard error, separate from output for programs.
    func show() { ErrorOutput.print("warning: \(text)") }
}
