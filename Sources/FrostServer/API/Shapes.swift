import BranchManager
import Foundation
import HTTPTypes
import RouteMap

/// The objects of the API.
enum Shapes {
    static let project = Shape<Project>(
        "Project",
        [
            .init("id", .string) { .string($0.id) },
            .init("name", .string) { .string($0.name) },
            .init("createdAt", .date) { .date($0.createdAt) },
        ]
    )

    /// Frost's name for the only kind of database in this frost.
    static let engine = "postgres"

    static let database = Shape<BranchDatabase>(
        "Database",
        [
            .init("id", .string) { .string($0.id) },
            .init("projectId", .string) { .string($0.projectId) },
            .init("name", .string) { .string($0.name) },
            .init("engine", .oneOf([engine])) { _ in .string(engine) },
            .init("username", .string) { .string($0.username) },
            .init("databaseName", .string) { .string($0.databaseName) },
            .init("isDeleting", .boolean) { .bool($0.isDeleting) },
            .init("createdAt", .date) { .date($0.createdAt) },
        ]
    )

    static let target = Shape<BranchDetails>(
        "Target",
        [
            .init("id", .string) { .string($0.target.id) },
            .init("databaseId", .string) { .string($0.database.id) },
            .init("name", .string) { .string($0.target.name) },
            .init("isMain", .boolean) { .bool($0.target.isMain) },
            .init("sourceTargetId", .string, orNull: true) { .text($0.target.sourceTargetId) },
            .init("runtime", .oneOf(RuntimeKind.allCases.map(\.rawValue))) { .string($0.target.runtime.rawValue) },
            .init("hostname", .string) { .string(label($0)) },
            .init("externalHostname", .string, orNull: true) { .text($0.target.hostname) },
            .init("aliases", .list(.object("HostnameAlias"))) { .array($0.aliases.map { alias($0) }) },
            .init("hostPort", .integer(1...65_535)) { .integer($0.target.hostPort) },
            .init("lifecycleStatus", .oneOf(FrostStatus.allCases.map(\.rawValue))) {
                .string(FrostStatus($0.target.lifecycleStatus).rawValue)
            },
            .init("state", .oneOf(LifecycleStatus.allCases.map(\.rawValue))) {
                .string($0.target.lifecycleStatus.rawValue)
            },
            .init("reason", .string, orNull: true) { .text($0.target.reason) },
            .init("postgresVersion", .integer(1...99), orNull: true) { .integer($0.target.postgresVersion) },
            .init("passwordState", .oneOf(PasswordState.allCases.map(\.rawValue))) {
                .string($0.target.passwordState.rawValue)
            },
            .init("createdAt", .date) { .date($0.target.createdAt) },
        ] + expiry
    )

    /// A former hostname that still works.
    static let alias = Shape<HostnameAlias>(
        "HostnameAlias",
        [
            .init("hostname", .string) { .string($0.hostname) },
            .init("endsAt", .date) { .date($0.endsAt) },
        ]
    )

    /// A database's password after a change, and the branches that have it.
    static let databasePassword = Shape<(database: BranchDatabase, branches: [BranchDetails])>(
        "DatabasePassword",
        [
            .init("username", .string) { .string($0.database.username) },
            .init("password", .string) { .string($0.database.password) },
            .init("branches", .list(.object("Target"))) { .array($0.branches.map { target($0) }) },
        ]
    )

    static let operation = Shape<BranchOperation>(
        "Operation",
        [
            .init("id", .string) { .string($0.id) },
            .init("targetId", .string) { .string($0.targetId) },
            .init("targetName", .string, orNull: true) { .text($0.targetName) },
            .init("action", .oneOf(BranchAction.allCases.map(\.rawValue))) { .string($0.action.rawValue) },
            .init("status", .oneOf(BranchOperation.Status.allCases.map(\.rawValue))) { .string($0.status.rawValue) },
            .init("step", .string, orNull: true) { .text($0.step) },
            .init("message", .string, orNull: true) { .text($0.message) },
            .init("startedAt", .date) { .date($0.startedAt) },
            .init("finishedAt", .date, orNull: true) { .date($0.finishedAt) },
            .init("actor", .oneOf(BranchOperation.Actor.allCases.map(\.rawValue))) { .string($0.actor.rawValue) },
            .init("progress", .object("CopyProgress"), orNull: true) { $0.progress.map { progress($0) } ?? .null },
            .init("canCancel", .boolean) { .bool($0.canBeCancelled) },
            .init("cancelRequested", .boolean) { .bool($0.isCancelled) },
        ]
    )

    /// The progress of a copy.
    static let progress = Shape<CopyProgress>(
        "CopyProgress",
        [
            .init("doneBytes", .integer(nil)) { .integer($0.doneBytes) },
            .init("totalBytes", .integer(nil)) { .integer($0.totalBytes) },
        ]
    )

    /// The result of a change; operation and target are not both null. The target's fields are repeated beside them,
    /// since Frost answers with a target.
    static let accepted = Shape<(operation: BranchOperation?, target: BranchDetails?)>(
        "Accepted",
        [
            .init("operation", .object("Operation"), orNull: true) { $0.operation.map { operation($0) } ?? .null },
            .init("target", .object("Target"), orNull: true) { $0.target.map { target($0) } ?? .null },
            .init("database", .object("Database"), orNull: true) { $0.target.map { database($0.database) } ?? .null },
        ]
            + target.fields.map { field in
                .init(field.name, field.type, orNull: true) { $0.target.map(field.value) ?? .null }
            }
    )

    /// The label of a branch in its hostnames: its name.
    private static func label(_ branch: BranchDetails) -> String { branch.target.name }

    static let runtime = Shape<TargetRuntime>(
        "TargetRuntime",
        [
            .init("targetId", .string) { .string($0.branch.target.id) },
            .init("name", .string) { .string($0.branch.target.name) },
            .init("hostname", .string) { .string(label($0.branch)) },
            .init("lifecycleStatus", .oneOf(FrostStatus.allCases.map(\.rawValue))) {
                .string(FrostStatus($0.branch.target.lifecycleStatus).rawValue)
            },
            .init("state", .oneOf(LifecycleStatus.allCases.map(\.rawValue))) {
                .string($0.branch.target.lifecycleStatus.rawValue)
            },
            .init("hostPort", .integer(1...65_535)) { .integer($0.branch.target.hostPort) },
            .init("runtimeHostPort", .integer(1...65_535)) { .integer($0.branch.target.hostPort) },
            .init("runtimeServiceId", .string, orNull: true) { _ in .null },
            .init("gatewayEnabled", .boolean) { _ in .bool(false) },
            .init("memoryLimit", .string, orNull: true) { _ in .null },
            .init("cpuLimit", .integer(nil), orNull: true) { _ in .null },
            .init("scaleToZeroMinutes", .integer(nil), orNull: true) { _ in .null },
            .init("containerName", .string, orNull: true) { .text($0.containerName) },
            .init("image", .string, orNull: true) { .text($0.image) },
            .init("port", .integer(1...65_535)) { .integer($0.port) },
            .init("storageBackend", .string) { .string($0.storageBackend) },
            .init("postgresVersion", .integer(1...99), orNull: true) { .integer($0.branch.target.postgresVersion) },
            .init("passwordWarning", .string, orNull: true) { .text($0.passwordWarning) },
            .init("createdAt", .date) { .date($0.branch.target.createdAt) },
            .init("externalHost", .string, orNull: true) { .text($0.external?.host) },
            .init("externalPort", .integer(1...65_535), orNull: true) { .integer($0.external?.port) },
            .init("aliases", .list(.object("HostnameAlias"))) { .array($0.branch.aliases.map { alias($0) }) },
            .init("externalSslMode", .oneOf(["require"]), orNull: true) {
                $0.external == nil ? .null : .string("require")
            },
            .init(
                "externalUnavailableReason",
                .oneOf(ExternalUnavailableReason.allCases.map(\.rawValue)),
                orNull: true
            ) { .text($0.unavailableReason?.rawValue) },
            .init("externalWarning", .oneOf(ExternalWarning.allCases.map(\.rawValue)), orNull: true) {
                .text($0.warning?.rawValue)
            },
        ]
            + expiry.map { field in
                .init(field.name, field.type, orNull: field.isNullable) { field.value($0.branch) }
            }
    )

    static let settings = Shape<ServerSettings>(
        "Settings",
        [
            .init("wildcardBase", .string, orNull: true) { .text($0.wildcardBase) },
            .init("gatewayEnabled", .boolean) { .bool($0.gatewayEnabled) },
            .init("gatewayPort", .integer(1...65_535)) { .integer($0.gatewayPort) },
            .init("gatewayFault", .string, orNull: true) { .text($0.gatewayFault) },
        ]
    )

    static let health = Shape<String>(
        "Health",
        [
            .init("ok", .boolean) { _ in .bool(true) },
            .init("status", .oneOf(["ok"])) { _ in .string("ok") },
            .init("version", .string) { .string($0) },
        ]
    )

    static let error = Shape<APIError>(
        "Error",
        [
            .init("error", .object("Fault")) { fault($0) },
            // The format that Frost's own clients read.
            .init("message", .string) { .string($0.message) },
            .init("code", .string) { .string($0.statusName) },
            .init("status", .integer(400...599)) { .integer(Int($0.status.code)) },
            .init("defined", .boolean) { _ in .bool(false) },
        ]
    )

    static let fault = Shape<APIError>(
        "Fault",
        [
            .init("code", .oneOf(APIError.Code.allCases.map(\.rawValue))) { .string($0.code.rawValue) },
            .init("message", .string) { .string($0.message) },
            .init("field", .string, orNull: true) { .text($0.field) },
        ]
    )

    /// All shapes, by name.
    static let schemas: [String: JSONValue] = [
        project.name: project.schema, database.name: database.schema, target.name: target.schema,
        alias.name: alias.schema, wildcardPreview.name: wildcardPreview.schema,
        hostnameChange.name: hostnameChange.schema,
        databasePassword.name: databasePassword.schema, operation.name: operation.schema,
        progress.name: progress.schema,
        accepted.name: accepted.schema, runtime.name: runtime.schema,
        settings.name: settings.schema, health.name: health.schema, error.name: error.schema, fault.name: fault.schema,
        snippet.name: snippet.schema, connection.name: connection.schema, connections.name: connections.schema,
        gateway.name: gateway.schema, certificate.name: certificate.schema, gatewayReason.name: gatewayReason.schema,
        gatewayLimit.name: gatewayLimit.schema, gatewayRefusal.name: gatewayRefusal.schema,
    ]
}
