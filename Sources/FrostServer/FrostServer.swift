import BranchManager
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// Serves the API and the page over HTTP.
package struct FrostServer: Sendable {
    /// The address to listen on: an IP address and a port, 0 for any free port.
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
    /// - Parameter ready: called with the port once the server listens.
    /// - Throws: the error that prevents it from listening.
    package func run(ready: @escaping @Sendable (Int) -> Void) async throws {
        let hub = EventHub(state)
        let router = router(hub)
        try PageRoutes(state).add(to: router)
        // Its own log messages only report connections that ended with it.
        var quiet = state.logger
        quiet.logLevel = .critical
        let server = try HTTPService.server(
            router.buildResponder(),
            configuration: ServerConfiguration(address: .hostname(address.host, port: address.port)),
            logger: quiet
        ) { channel in ready(channel.localAddress?.port ?? address.port) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await hub.run() }
            group.addTask(executorPreference: BlockingWork.executor) { await state.recorder.run() }
            group.addTask { try await server.run() }
            // Running operations are finished in any case.
            let ended = await group.nextResult()
            group.cancelAll()
            await state.operations.finish()
            try ended?.get()
        }
    }

    func router(_ hub: EventHub) -> Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: SecurityHeaders())
        CertificateRoute.add(to: router, state.certificateAuthority)
        let authenticator = Authenticator(store: state.store)
        var served = ["/events": [HTTPRequest.Method.get]]
        for endpoint in API(state).endpoints {
            served[endpoint.path, default: []].append(endpoint.method)
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
            return EventStream.response(hub) { (try? authenticator.check(request)) != nil }
        }
        let methods = [HTTPRequest.Method.get, .post, .put, .patch, .delete]
        for (path, own) in served {
            for method in methods + [.options] where !own.contains(method) {
                router.on(RouterPath("\(API.prefix)\(path)"), method: method) { _, _ in Self.notAllowed(method, own) }
            }
        }
        // Missing resources are reported as an object too.
        for method in methods {
            router.on("\(API.prefix)/**", method: method) { request, _ in
                APIError(.notFound, "there is no \(request.method) \(request.uri.path); see \(API.prefix)/openapi.json")
                    .answer
                    .response
            }
        }
        return router
    }

    /// RFC 9110, section 15.5.6.
    private static func notAllowed(_ method: HTTPRequest.Method, _ allowed: [HTTPRequest.Method]) -> Response {
        let names = (allowed + (allowed.contains(.get) ? [.head] : [])).map(\.rawValue).joined(separator: ", ")
        var response = APIError(.methodNotAllowed, "\(method) is not supported here; use \(names)").answer.response
        response.headers[.allow] = names
        return response
    }
}

/// The context of a request.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    init(source: Source) {
        coreContext = .init(source: source)
    }
}

/// The security headers of every response.
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
            let isMissing = error.status == .notFound
            let text =
                isMissing
                ? "there is no \(request.method) \(request.uri.path); see \(API.prefix)/openapi.json" : error.body
            response = APIError(isMissing ? .notFound : .malformed, text ?? "\(error.status)").answer.response
            response.status = error.status
        }
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("Referrer-Policy") { response.headers[name] = "same-origin" }
        return response
    }
}
