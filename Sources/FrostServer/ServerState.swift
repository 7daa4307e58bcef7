package import BranchManager
package import Logging
package import RouteSync

/// What the API and the page work on.
package struct ServerState: Sendable {
    let store: BranchStore
    let manager: BranchManager
    let routes: RouteSync
    /// Of branches in containers.
    let image: String
    let version: String
    /// The gateway's admin address, `host:port`; nil where none is known of.
    let gatewayAdmin: String?
    let logger: Logger
    let operations = OperationTasks()

    package init(
        manager: BranchManager,
        routes: RouteSync,
        image: String,
        version: String,
        gatewayAdmin: String?,
        logger: Logger
    ) {
        store = manager.store
        self.manager = manager
        self.routes = routes
        self.image = image
        self.version = version
        self.gatewayAdmin = gatewayAdmin
        self.logger = logger
    }

    /// Begins an operation and comes back as soon as it is known that it may begin; it goes on by itself, and
    /// is not cut off when the client goes away.
    ///
    /// - Returns: the operation under way, or nil when all was done at once or nothing had to be.
    /// - Throws: what keeps it from beginning.
    func begin(_ body: @escaping @Sendable () async throws -> Void) async throws -> BranchOperation? {
        let (begun, beginning) = AsyncThrowingStream<BranchOperation?, any Error>.makeStream()
        let isBegun = operations.run {
            do {
                try await OperationObserver.$registered.withValue({ beginning.yield($0) }) { try await body() }
                beginning.yield(nil)
                beginning.finish()
            } catch {
                // One that had begun keeps its reason in the store.
                beginning.finish(throwing: error)
            }
        }
        guard isBegun else { throw APIError(.busy, "frost is stopping; try again when it is up again") }
        for try await operation in begun { return operation }
        return nil
    }
}
