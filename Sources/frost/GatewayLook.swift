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
        let condition = try await condition(store, in: directory)
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

    /// One line for people, past what is printed for programs.
    func show() { Complaint.print("warning: \(text)") }
}
