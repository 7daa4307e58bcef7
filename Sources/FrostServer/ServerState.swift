package import BranchManager
package import Logging
package import RouteSync

/// The state shared by the API and the page.
package struct ServerState: Sendable {
    let store: BranchStore
    let manager: BranchManager
    let routes: RouteSync
    /// For branches in containers.
    let image: String
    let version: String
    /// The state of the gateway.
    let gateway: GatewayWatch
    /// Its last hour.
    let recorder: GatewayRecorder
    /// nil if the gateway uses the operator's certificates.
    let certificateAuthority: CertificateAuthorityInfo?
    /// Whether frost's own CA issues the gateway's certificates.
    var issuesCertificates: Bool { certificateAuthority != nil }
    let lookup: HostLookup
    let facts: ServerFactsWatch
    let logger: Logger
    let operations = OperationTasks()
    package let oneTimeLogins = OneTimeLogins()

    package init(
        manager: BranchManager,
        routes: RouteSync,
        image: String,
        version: String,
        gateway: GatewayPlace,
        certificateAuthority: CertificateAuthorityInfo? = nil,
        lookup: HostLookup = .system,
        logger: Logger
    ) {
        store = manager.store
        self.manager = manager
        self.routes = routes
        self.image = image
        self.version = version
        self.gateway = GatewayWatch(gateway, store: manager.store)
        recorder = GatewayRecorder(gateway, store: manager.store)
        self.certificateAuthority = certificateAuthority
        self.lookup = lookup
        facts = ServerFactsWatch { try? await manager.facts(of: $0) }
        self.logger = logger
    }

    /// Begins an operation and returns as soon as it is recorded. The operation continues in the background, even when
    /// the client disconnects.
    ///
    /// - Returns: the running operation, or nil when nothing is left to do.
    /// - Throws: the error that prevented its start, or ``APIError`` while frost is stopping.
    func begin(_ request: BranchRequest) async throws -> BranchOperation? {
        try await withCheckedThrowingContinuation { continuation in
            let isOpen = operations.run {
                let handle: OperationHandle
                do {
                    handle = try await manager.begin(request)
                    // Without a record there is nothing to follow, so the response waits for the end.
                    if handle.operation == nil { try await handle.finish() }
                } catch {
                    continuation.resume(throwing: error)
                    return
                }
                continuation.resume(returning: handle.operation)
                // The operation's row keeps a failure for the client.
                if handle.operation != nil { try? await handle.finish() }
            }
            if !isOpen {
                continuation.resume(throwing: APIError(.busy, "frost is stopping; try again after it restarts"))
            }
        }
    }
}
