import Synchronization

/// Counts a runtime's own sessions on its servers, so that they do not count as use.
package final class OwnSessions: Sendable {
    /// The database for frost's queries. PostgreSQL counts sessions by database, so sessions in others are not frost's.
    static let database = "postgres"
    /// Frost's application name. Any client can use the name, but not the socket.
    static let applicationName = "frost"

    private let counts = Mutex<[String: Int]>([:])

    package init() {}

    /// The total in ``database`` of a server; never less than the server's own count of them.
    func count(of server: ServerSpec) -> Int { counts.withLock { $0[server.targetID] ?? 0 } }

    /// Runs a session. Counts it before it starts, and not if it fails: the server may have counted it, and then treats
    /// it as use.
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

    /// Forgets a deleted server.
    func forget(_ server: ServerSpec) { counts.withLock { $0[server.targetID] = nil } }
}
