import Foundation
import GRDB

extension BranchManager {
    /// Changes a database's password: running branches have it when this returns, others get it before they are routed
    /// again. Open sessions continue.
    ///
    /// - Returns: the database's branches; those without the new password are ``PasswordState/pending``.
    package func rotatePassword(of database: BranchDatabase) async throws(BranchError) -> [BranchDetails] {
        let password = Self.makePassword()
        try store.write { db in
            // Store it before any server has it: a lost password would be worse than a pending one.
            try db.execute(
                sql: "UPDATE database SET password = ? WHERE id = ? AND NOT isDeleting",
                arguments: [password, database.id]
            )
            guard db.changesCount == 1 else { throw BranchError.notFound("there is no database \(database.id)") }
            try db.execute(
                sql: "UPDATE target SET passwordState = ? WHERE databaseId = ?",
                arguments: [PasswordState.pending.rawValue, database.id]
            )
        }
        for branch in try store.branches(of: database.id) { await givePendingPassword(branch) }
        return try store.branches(of: database.id)
    }

    /// Completes a ``rotatePassword(of:)`` for branches with another running operation.
    func givePendingPasswords() async throws(BranchError) {
        for branch in try store.branches() where branch.target.passwordState == .pending {
            await givePendingPassword(branch)
        }
    }

    private func givePendingPassword(_ branch: BranchDetails) async {
        do throws(BranchError) {
            guard branch.target.lifecycleStatus == .active, let lock = lockNow(branch.target.id) else { return }
            defer { withExtendedLifetime(lock) {} }
            let current = try store.branch(id: branch.target.id)
            guard current.target.lifecycleStatus == .active, current.target.passwordState == .pending else { return }
            try await givePassword(current)
        } catch {
            // It stays pending, which is shown, and is retried.
        }
    }

    /// Sets the role's password to the one in frost's connection strings. A server's log may contain the verifier, but
    /// never the password.
    func givePassword(_ branch: BranchDetails) async throws(BranchError) {
        let (password, id) = (branch.database.password, branch.target.id)
        let role = "\"\(branch.database.username.replacing("\"", with: "\"\""))\""
        try await runtime(branch.target.runtime).execute(
            ["ALTER ROLE \(role) PASSWORD '\(PasswordVerifier.make(password))'"],
            on: ServerSpec(branch)
        )
        try store.write { db in
            // Unless another one was set in the meantime.
            try db.execute(
                sql: """
                    UPDATE target SET passwordState = ?1 WHERE id = ?2
                    AND ?3 = (SELECT password FROM database WHERE database.id = target.databaseId)
                    """,
                arguments: [PasswordState.known.rawValue, id, password]
            )
        }
    }

    /// Checks whether the role of a running server still has the password in frost's connection strings, and stores the
    /// result.
    ///
    /// - Returns: the current state; for a stopped branch, the last known one.
    @discardableResult
    package func checkPassword(_ branch: BranchDetails) async throws(BranchError) -> PasswordState {
        try await Self.checkPassword(branch, on: runtime(branch.target.runtime), in: store)
    }

    /// Checks the passwords of all running branches; a server that cannot be queried keeps its last known state.
    package func checkPasswords() async throws(BranchError) {
        for branch in try store.branches() where branch.target.lifecycleStatus == .active {
            _ = try? await checkPassword(branch)
        }
    }

    @discardableResult
    package static func checkPassword(
        _ branch: BranchDetails,
        on runtime: any BranchRuntime,
        in store: BranchStore
    ) async throws(BranchError) -> PasswordState {
        let current = try store.branch(id: branch.target.id)
        guard current.target.passwordState != .pending,
            let verifier = try await runtime.passwordVerifier(ServerSpec(current))
        else { return current.target.passwordState }
        let isKnown = PasswordVerifier.matches(
            verifier,
            password: current.database.password,
            username: current.database.username
        )
        let state: PasswordState = isKnown ? .known : .unknown
        guard state != current.target.passwordState else { return state }
        try store.write { db in
            try db.execute(
                sql: "UPDATE target SET passwordState = ? WHERE id = ? AND passwordState = ?",
                arguments: [state.rawValue, current.target.id, current.target.passwordState.rawValue]
            )
        }
        return state
    }

    /// A copy has its source's password state, version and image.
    func inherit(from source: BranchDetails, to target: BranchDetails) throws(BranchError) {
        try store.write { db in
            try db.execute(
                sql: """
                    UPDATE target SET (postgresVersion, image, passwordState) =
                    (SELECT postgresVersion, image, passwordState FROM target WHERE id = ?) WHERE id = ?
                    """,
                arguments: [source.target.id, target.target.id]
            )
        }
    }
}

extension BranchTarget {
    /// A warning beside a connection string; nil if it works.
    ///
    /// - Parameter hint: for the command that fixes it.
    package func passwordWarning(_ hint: CommandHint) -> String? {
        switch passwordState {
        case .known: nil
        case .pending:
            lifecycleStatus == .active
                ? "this branch will have the new password in a moment"
                : "this branch gets the new password at its next start"
        case .unknown:
            "the password of this branch was changed in PostgreSQL, and frost does not know it; "
                + "to set a new one on all branches of the database: "
                + hint.command("database password \(databaseId) --rotate")
        }
    }
}
