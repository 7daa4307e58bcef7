import BranchManager

/// The three ways to connect to a branch: through the gateway, from a container on its network, and directly on this
/// host.
struct TargetConnections: Sendable {
    let external: ConnectionInfo?
    let externalWarning: ExternalWarning?
    /// The same, verifying the gateway's certificate; nil if there is no such connection.
    let externalVerifyFull: ConnectionInfo?
    /// nil if the branch does not run in a container: its internal name is on no network.
    let `internal`: ConnectionInfo?
    let direct: ConnectionInfo

    /// - Parameter authority: the issuer of the gateway's certificates; nil if they are the operator's.
    init(_ runtime: TargetRuntime, authority: CertificateAuthorityInfo?) {
        let (database, target) = (runtime.branch.database, runtime.branch.target)
        func info(_ host: String, _ port: Int, _ sslMode: SSLMode?) -> ConnectionInfo {
            ConnectionInfo(
                host: host,
                port: port,
                username: database.username,
                password: database.password,
                databaseName: database.databaseName,
                sslMode: sslMode
            )
        }
        external = runtime.external.map { info($0.host, $0.port, .require) }
        externalWarning = runtime.warning
        externalVerifyFull = runtime.external.map {
            info($0.host, $0.port, .verifyFull(CertificateRoots(downloadedFrom: authority)))
        }
        `internal` =
            runtime.containerName == nil ? nil : info(ServerSpec(runtime.branch).internalName, runtime.port, nil)
        direct = info("127.0.0.1", target.hostPort, nil)
    }
}

extension Shapes {
    static let snippet = Shape<Snippet>(
        "Snippet",
        [
            .init("kind", .oneOf(SnippetKind.allCases.map(\.rawValue))) { .string($0.kind.rawValue) },
            .init("title", .string) { .string($0.title) },
            .init("language", .string) { .string($0.language) },
            .init("text", .string) { .string($0.text) },
            .init("url", .string, orNull: true) { .text($0.url) },
            .init("note", .string, orNull: true) { .text($0.note) },
        ]
    )

    static let connection = Shape<ConnectionInfo>(
        "Connection",
        [
            .init("host", .string) { .string($0.host) },
            .init("port", .integer(1...65_535)) { .integer($0.port) },
            .init("username", .string) { .string($0.username) },
            .init("password", .string) { .string($0.password) },
            .init("databaseName", .string) { .string($0.databaseName) },
            .init("sslMode", .oneOf(SSLMode.names), orNull: true) { .text($0.sslMode?.name) },
            .init("sslRootCert", .string, orNull: true) { .text($0.sslMode?.rootCertificate) },
            .init("snippets", .list(.object("Snippet"))) { .array(ConnectionSnippets.all($0).map { snippet($0) }) },
        ]
    )

    static let connections = Shape<TargetConnections>(
        "Connections",
        [
            .init("external", .object("Connection"), orNull: true) { $0.external.map { connection($0) } ?? .null },
            .init("externalWarning", .oneOf(ExternalWarning.allCases.map(\.rawValue)), orNull: true) {
                .text($0.externalWarning?.rawValue)
            },
            .init("externalVerifyFull", .object("Connection"), orNull: true) {
                $0.externalVerifyFull.map { connection($0) } ?? .null
            },
            .init("internal", .object("Connection"), orNull: true) { $0.internal.map { connection($0) } ?? .null },
            .init("direct", .object("Connection")) { connection($0.direct) },
        ]
    )
}
