import BranchManager
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import RouteMap
import RouteSync

/// The API: its endpoints, in the order of the OpenAPI document.
struct API: Sendable {
    /// The prefix of every path.
    static let prefix = "/api"

    let endpoints: [Endpoint]

    init(_ state: ServerState) {
        var endpoints =
            Self.projects(state) + Self.databases(state) + Self.targets(state) + Self.operations(state)
            + Self.settings(state) + Self.hostnames(state)
        var own = Endpoint(
            method: .get,
            path: "/openapi.json",
            name: "openapi.get",
            summary: "This document.",
            isOpen: true,
            answer: .object("Document")
        ) { _ in Answer(.ok) }
        let document = OpenAPI.document(endpoints + [own], version: state.version)
        own.handle = { _ in Answer(.ok, document) }
        endpoints.append(own)
        self.endpoints = endpoints
    }

    /// Turns every error into an object that describes it.
    static func answer(
        _ endpoint: Endpoint,
        _ request: Request,
        _ context: ServerContext,
        _ logger: Logger
    ) async -> Answer {
        do {
            let exchange = try await Exchange(request, parameters: context.parameters, endpoint: endpoint)
            return try await endpoint.handle(exchange)
        } catch {
            return fault(error, logger)
        }
    }

    /// The response for an error.
    static func fault(_ error: any Error, _ logger: Logger) -> Answer {
        switch error {
        case let error as APIError: return error.answer
        case let error as BranchError: return APIError(error).answer
        default:
            logger.error("request failed", metadata: ["error": "\(error)"])
            return APIError(.unexpected, "unexpected error; see frost's log").answer
        }
    }

    /// Adds the field of an invalid name or value to an error.
    static func checking<Value>(_ field: String, _ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as BranchError {
            throw APIError(error, field: field)
        } catch let error as HostnameError {
            throw APIError(.invalid, "\(field) \(error)", field: field)
        }
    }
}

extension API {
    static func projects(_ state: ServerState) -> [Endpoint] {
        let name = Endpoint.Field("name", .string)
        return [
            Endpoint(
                method: .get,
                path: "/health",
                name: "health.get",
                summary: "Health, and the version.",
                isOpen: true,
                answer: .object("Health")
            ) { _ in Answer(.ok, Shapes.health(state.version)) },
            Endpoint(
                method: .get,
                path: "/projects",
                name: "projects.list",
                summary: "All projects, oldest first.",
                answer: .list(.object("Project"))
            ) { _ in Answer(.ok, .array(try state.store.projects().map { Shapes.project($0) })) },
            Endpoint(
                method: .post,
                path: "/projects",
                name: "projects.create",
                summary: "Creates a project; its name is part of its branches' hostnames.",
                isFrosts: true,
                fields: [
                    name, .init("envVars", .list(.any), required: false, orNull: true),
                    .onlyNull(
                        "templateId",
                        .string,
                        instead: "Templates are not supported; create databases one by one."
                    ),
                ],
                status: .created,
                answer: .object("Project")
            ) { exchange in
                let project = try await checking("name") {
                    try state.manager.createProject(exchange.string("name") ?? "")
                }
                return Answer(.created, Shapes.project(project), location: "\(prefix)/projects/\(project.id)")
            },
            Endpoint(
                method: .get,
                path: "/projects/{projectId}",
                name: "projects.get",
                summary: "A project.",
                answer: .object("Project")
            ) { exchange in Answer(.ok, Shapes.project(try state.project(exchange))) },
            Endpoint(
                method: .patch,
                path: "/projects/{projectId}",
                name: "projects.rename",
                summary: "Renames a project, and with it the hostnames of its branches.",
                isFrosts: true,
                fields: [
                    name, .init("keepHostnamesSeconds", .integer(AliasDuration.range), required: false, orNull: true),
                ],
                answer: .object("Project")
            ) { exchange in
                let project = try state.project(exchange)
                let duration = try keptFor(exchange, "keepHostnamesSeconds")
                try await checking("name") {
                    try await state.manager.renameProject(
                        project,
                        to: exchange.string("name") ?? "",
                        keepingHostnamesFor: duration
                    )
                }
                return Answer(.ok, Shapes.project(try state.project(exchange)))
            },
            Endpoint(
                method: .delete,
                path: "/projects/{projectId}",
                name: "projects.delete",
                summary: "Deletes a project without databases.",
                status: .noContent
            ) { exchange in
                try state.manager.deleteProject(state.project(exchange))
                return Answer(.noContent)
            },
        ]
    }

    static func databases(_ state: ServerState) -> [Endpoint] {
        [
            Endpoint(
                method: .get,
                path: "/projects/{projectId}/databases",
                name: "databases.list",
                summary: "The databases of a project.",
                answer: .list(.object("Database"))
            ) { exchange in
                let project = try state.project(exchange)
                return Answer(.ok, .array(try state.store.databases(of: project.id).map { Shapes.database($0) }))
            },
            Endpoint(
                method: .post,
                path: "/projects/{projectId}/databases",
                name: "databases.create",
                summary: "Creates a database with its branch main, and starts it.",
                isFrosts: true,
                fields: [
                    .init("name", .string),
                    .init("engine", .oneOf([Shapes.engine]), required: false, orNull: true),
                    .init("runtime", .oneOf(RuntimeKind.allCases.map(\.rawValue)), required: false),
                    .init("postgresVersion", .integer(1...99), required: false, orNull: true),
                ],
                status: .accepted,
                answer: .object("Accepted")
            ) { exchange in
                let project = try state.project(exchange)
                let runtime = exchange.string("runtime").flatMap(RuntimeKind.init(rawValue:)) ?? .local
                let name = exchange.string("name") ?? ""
                let version = exchange.integer("postgresVersion")
                if version != nil {
                    try await checking("postgresVersion") { try state.manager.checkVersion(version, of: runtime) }
                }
                return try await checking("name") {
                    try await state.accept(
                        .createDatabase(name, in: project, runtime: runtime, postgresVersion: version)
                    )
                }
            },
            Endpoint(
                method: .get,
                path: "/databases/{databaseId}",
                name: "databases.get",
                summary: "A database; its password is part of its branches' connections.",
                answer: .object("Database")
            ) { exchange in Answer(.ok, Shapes.database(try state.database(exchange))) },
            Endpoint(
                method: .post,
                path: "/databases/{databaseId}/password",
                name: "databases.rotatePassword",
                summary:
                    "Sets a new password for all branches of a database: running branches at once, others at their "
                    + "next start. Open sessions continue.",
                answer: .object("DatabasePassword")
            ) { exchange in
                let database = try state.database(exchange)
                let branches = try await state.manager.rotatePassword(of: database)
                return Answer(.ok, Shapes.databasePassword((try state.database(exchange), branches)))
            },
            Endpoint(
                method: .delete,
                path: "/databases/{databaseId}",
                name: "databases.delete",
                summary: "Deletes a database with all its branches and their data.",
                status: .accepted,
                answer: .object("Accepted")
            ) { exchange in
                let database = try state.database(exchange)
                return try await state.accept(.deleteDatabase(database))
            },
        ]
    }

    static func operations(_ state: ServerState) -> [Endpoint] {
        [
            Endpoint(
                method: .get,
                path: "/operations",
                name: "operations.list",
                summary: "Recent operations on all branches, including deleted ones.",
                answer: .list(.object("Operation"))
            ) { _ in Answer(.ok, .array(try state.store.operations().map { Shapes.operation($0) })) },
            Endpoint(
                method: .get,
                path: "/operations/{operationId}",
                name: "operations.get",
                summary: "An operation's progress or result.",
                answer: .object("Operation")
            ) { exchange in
                Answer(.ok, Shapes.operation(try state.store.operation(id: exchange.parameter("operationId"))))
            },
            Endpoint(
                method: .post,
                path: "/operations/{operationId}/cancel",
                name: "operations.cancel",
                summary: "Cancels a create or a reset: a new branch is removed, and a branch that is being reset keeps "
                    + "its data. The operation then ends as cancelled.",
                status: .accepted,
                answer: .object("Operation")
            ) { exchange in
                let operation = try state.store.cancel(operation: exchange.parameter("operationId"))
                return Answer(
                    .accepted,
                    Shapes.operation(operation),
                    location: "\(prefix)/operations/\(operation.id)"
                )
            },
        ]
    }

    static func settings(_ state: ServerState) -> [Endpoint] {
        [
            Endpoint(
                method: .get,
                path: "/settings",
                name: "settings.get",
                summary: "Settings that can be changed at run time.",
                answer: .object("Settings")
            ) { _ in Answer(.ok, Shapes.settings(try ServerSettings(state.store))) },
            Endpoint(
                method: .get,
                path: "/gateway",
                name: "gateway.get",
                summary: "The gateway's state, its certificates, and uncovered hostnames.",
                answer: .object("Gateway")
            ) { _ in
                Answer(.ok, Shapes.gateway(try GatewayReport(await state.gateway.condition(), state.store)))
            },
            Endpoint(
                method: .patch,
                path: "/settings",
                name: "settings.update",
                summary:
                    "Changes settings and the route map at once. After a new wildcard domain, old hostnames keep working for "
                    + "keepHostnamesSeconds.",
                fields: [
                    .init("wildcardBase", .string, required: false, orNull: true),
                    .init("keepHostnamesSeconds", .integer(AliasDuration.range), required: false, orNull: true),
                    .init("gatewayEnabled", .boolean, required: false),
                    .init("gatewayPort", .integer(1...65_535), required: false),
                ],
                answer: .object("Settings")
            ) { exchange in
                var change = SettingsChange(
                    keepsHostnamesFor: try keptFor(exchange, "keepHostnamesSeconds"),
                    isGatewayEnabled: exchange.bool("gatewayEnabled"),
                    gatewayPort: exchange.integer("gatewayPort")
                )
                try await checking("wildcardBase") {
                    if exchange.body["wildcardBase"] != nil {
                        change.wildcardBase = .some(
                            try exchange.string("wildcardBase").map { try WildcardDomain.parse($0) }
                        )
                    }
                    try await state.manager.changeSettings(change)
                }
                return Answer(.ok, Shapes.settings(try ServerSettings(state.store)))
            },
        ]
    }
}

extension ServerState {
    func project(_ exchange: Exchange) throws -> Project { try store.project(exchange.parameter("projectId")) }

    func database(_ exchange: Exchange) throws -> BranchDatabase {
        try store.database(id: exchange.parameter("databaseId"))
    }

    /// 202 with the operation and its branch, or 200 if there was nothing to do.
    func accept(_ request: BranchRequest) async throws -> Answer {
        guard let operation = try await begin(request) else {
            return Answer(.ok, Shapes.accepted((operation: nil, target: nil)))
        }
        let target = try? store.branch(id: operation.targetId)
        return Answer(
            .accepted,
            Shapes.accepted((operation: operation, target: target)),
            location: "\(API.prefix)/operations/\(operation.id)"
        )
    }
}
