import Synchronization

/// The sessions that a runtime itself has had on its servers, so that they are not taken for anybody's use of them.
package final class OwnSessions: Sendable {
    /// The database that frost asks in. PostgreSQL counts sessions by database: whatever is counted in another is not
    /// frost's look.
    static let database = "postgres"
    /// What frost calls itself. Anybody can take the name; that it comes over the socket nobody can.
    static let applicationName = "frost"

    private let counts = Mutex<[String: Int]>([:])

    package init() {}

    /// How many there have been in ``database`` of a server; never fewer than the server has counted of them.
    func count(of server: ServerSpec) -> Int { counts.withLock { $0[server.targetID] ?? 0 } }

    /// Has a session. It is counted before it begins, and one that fails is not: the server may have counted that, and
    /// takes it for somebody's.
    func counting<Value>(
        _ database: String,
        of server: ServerSpec,
        _ body: () async throws(BranchError) -> Value
    ) async throws(BranchError) -> Value {
        guard database == Self.database else { return try await body() }
        counts.withLock { $0[server.targetID, default: 0] += 1 }
        do throws(BranchError) {
            return try await body()
        } catch {
            counts.withLock { $0[server.targetID, default: 1] -= 1 }
            throw error
        }
    }

    /// Forgets a server that is gone.
    func forget(_ server: ServerSpec) { counts.withLock { $0[server.targetID] = nil } }
}
