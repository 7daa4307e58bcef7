import AsyncHTTPClient
import BranchManager
import BranchTestSupport
import Foundation
import FrostServer
import Logging
import NIOCore
import NIOHTTP1
import RouteMap
import RouteSync
import Synchronization
import TestSupport
import Testing

/// The API over real HTTP, with branches whose servers are entries of a table.
struct APIHost: Sendable {
    let manager: BranchManager
    let runtime: FakeRuntime
    let port: Int
    let token: String
    let routeFile: String
    let oneTimeLogins: OneTimeLogins
    let document: JSONObject

    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: JSONAny

        /// Of a fault.
        var code: String? { body["error"]["code"].text }
        var field: String? { body["error"]["field"].text }
        var message: String { body["error"]["message"].text ?? "" }
    }

    /// - Parameters:
    ///   - gateway: where it is looked for; nowhere, where a test has none.
    ///   - accessed: called at each access to the store.
    ///   - certificateAuthority: nil as with certificates of the operator's.
    ///   - lookup: what the resolver says: of no name anything, when nothing else is said.
    static func run(
        gateway: GatewayPlace = GatewayPlace(admin: "127.0.0.1:0", runner: .service),
        accessed: (@Sendable () -> Void)? = nil,
        certificateAuthority: CertificateAuthorityInfo? = nil,
        lookup: HostLookup = HostLookup(look: { _ in .notFound }, ownAddresses: { [] }),
        _ body: @Sendable (APIHost) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("api")
        defer { directory.remove() }
        let store = try BranchStore.open(in: directory.path, accessed: accessed)
        try store.setWildcardBase(Hostname("example.net"))
        let runtime = FakeRuntime()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let routeFile = directory.file("routes.json")
        let routes = RouteSync(store: store, path: routeFile, logger: logger)
        let manager = try BranchManager(
            store: store,
            runtimes: [.local: runtime, .docker: runtime],
            routes: routes,
            directory: directory.path,
            hostPorts: HostPorts.next()
        )
        let state = ServerState(
            manager: manager,
            routes: routes,
            image: "postgres:16",
            version: "1.2.3",
            gateway: gateway,
            certificateAuthority: certificateAuthority,
            lookup: lookup,
            logger: logger
        )
        let token = try #require(try AccessToken.makeFirst(in: store))
        #expect(try AccessToken.makeFirst(in: store) == nil, "shown once")
        let (ports, listening) = AsyncStream<Int>.makeStream()
        let serving = Task(executorPreference: BlockingWork.executor) {
            try await FrostServer(state, address: .init(host: "127.0.0.1", port: 0)).run { listening.yield($0) }
        }
        let port = try #require(await ports.first { _ in true })
        let outcome: Result<Void, any Error>
        do {
            let document = try await fetchDocument(port)
            try await body(
                APIHost(
                    manager: manager,
                    runtime: runtime,
                    port: port,
                    token: token,
                    routeFile: routeFile,
                    oneTimeLogins: state.oneTimeLogins,
                    document: document
                )
            )
            outcome = .success(())
        } catch { outcome = .failure(error) }
        serving.cancel()
        _ = try? await serving.value
        try outcome.get()
    }

    private static func fetchDocument(_ port: Int) async throws -> JSONObject {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/api/openapi.json")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let data = Data(try await response.body.collect(upTo: 4 * 1_024 * 1_024).readableBytesView)
        return try JSONObject(data)
    }

    /// A request as the document has it; its answer is checked against the document.
    ///
    /// - Parameter headers: in place of the token.
    func request(
        _ method: HTTPMethod,
        _ path: String,
        _ body: String? = nil,
        headers: [String: String]? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        for (name, value) in headers ?? ["X-Frost-Token": token] { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let data = Data(try await response.body.collect(upTo: 4 * 1_024 * 1_024).readableBytesView)
        let status = Int(response.status.code)
        let value = data.isEmpty ? JSONAny.null : try JSONObject(data).value
        if path.hasPrefix("/api") {
            for fault in OpenAPIDocument(document).faults(in: value, of: method.rawValue, path, status: status) {
                Issue.record("\(method) \(path) -> \(status): \(fault)")
            }
        }
        let fields = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(status: status, headers: Dictionary(fields) { first, _ in first }, body: value)
    }

    /// A request that has to be answered with a status.
    @discardableResult
    func expect(_ status: Int, _ method: HTTPMethod, _ path: String, _ body: String? = nil) async throws -> JSONAny {
        let answer = try await request(method, path, body)
        guard answer.status == status else {
            throw Command.Failure("\(method) \(path): \(answer.status) \(answer.body), not \(status)")
        }
        return answer.body
    }

    /// Follows the operation of an answer to its end.
    @discardableResult
    func follow(_ accepted: JSONAny) async throws -> JSONAny {
        let id = try #require(accepted["operation"]["id"].text)
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let operation = try await expect(200, .GET, "/api/operations/\(id)")
            if operation["status"].text != "running" { return operation }
            guard ContinuousClock.now < deadline else { throw Command.Failure("it goes on: \(operation)") }
        }
    }

    /// A project `shop`, a database `shop` with main and dev.
    func makeShop() async throws -> (database: String, main: String, dev: String) {
        let project = try await expect(201, .POST, "/api/projects", #"{"name": "shop"}"#)
        let id = try #require(project["id"].text)
        let created = try await expect(202, .POST, "/api/projects/\(id)/databases", #"{"name": "shop"}"#)
        try await follow(created)
        let database = try #require(created["target"]["databaseId"].text)
        let main = try #require(created["target"]["id"].text)
        let dev = try await expect(202, .POST, "/api/databases/\(database)/targets", #"{"name": "dev"}"#)
        try await follow(dev)
        return (database, main, try #require(dev["target"]["id"].text))
    }
}
