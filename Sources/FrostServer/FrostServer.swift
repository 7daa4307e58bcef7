import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Serves the API and the page over HTTP.
package struct FrostServer: Sendable {
    /// Where it listens: an IP address and a port, 0 for any that is free.
    package struct Address: Hashable, Sendable {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    private let state: ServerState
    private let address: Address

    package init(_ state: ServerState, address: Address) {
        self.state = state
        self.address = address
    }

    /// Serves until the task is cancelled.
    ///
    /// - Parameter ready: called once it listens, with the port.
    /// - Throws: what keeps it from listening.
    package func run(ready: @escaping @Sendable (Int) -> Void) async throws {
        let sessions = GatewaySessions(admin: state.gatewayAdmin)
        let hub = EventHub(state, sessions: sessions)
        let router = router(hub)
        try PageRoutes(state, sessions: sessions).add(to: router)
        // What it logs of its own is that connections ended with it.
        var quiet = state.logger
        quiet.logLevel = .critical
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname(address.host, port: address.port)),
            onServerRunning: { channel in ready(channel.localAddress?.port ?? address.port) },
            logger: quiet
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await hub.run() }
            group.addTask { try await application.run() }
            // What was begun is brought to an end, whatever ends this.
            let ended = await group.nextResult()
            group.cancelAll()
            await state.operations.finish()
            try ended?.get()
        }
    }

    func router(_ hub: EventHub) -> Router<ServerContext> {
        let router = Router(context: ServerContext.self)
        router.add(middleware: SecurityHeaders())
        let authenticator = Authenticator(store: state.store)
        for endpoint in API(state).endpoints {
            router.on(RouterPath("\(API.prefix)\(endpoint.path)"), method: endpoint.method) { request, context in
                do {
                    if !endpoint.isOpen { try authenticator.check(request) }
                } catch {
                    return API.fault(error, state.logger).response
                }
                return await API.answer(endpoint, request, context, state.logger).response
            }
        }
        router.get("\(API.prefix)/events") { request, _ in
            do {
                try authenticator.check(request)
            } catch {
                return API.fault(error, state.logger).response
            }
            return await EventStream.response(hub) { (try? authenticator.check(request)) != nil }
        }
        // What is not there is told as an object too.
        for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete] {
            router.on("\(API.prefix)/**", method: method) { request, _ in
                APIError(.notFound, "there is no \(request.method) \(request.uri.path); see \(API.prefix)/openapi.json")
                    .answer
                    .response
            }
        }
        return router
    }
}

/// A request, beside the request itself.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    init(source: Source) {
        coreContext = .init(source: source)
    }
}

/// What a browser is told to keep away from, for every answer.
struct SecurityHeaders: RouterMiddleware {
    typealias Context = ServerContext

    private static let policy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

    func handle(
        _ request: Request,
        context: ServerContext,
        next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPError {
            response =
                APIError(error.status == .notFound ? .notFound : .malformed, error.body ?? "\(error.status)").answer
                .response
            response.status = error.status
        }
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("Referrer-Policy") { response.headers[name] = "same-origin" }
        return response
    }
}
