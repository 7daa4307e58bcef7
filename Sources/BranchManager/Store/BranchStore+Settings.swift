import GRDB
package import RouteMap

/// What an operator has set, beside what is known of branches.
package enum Setting: String, CaseIterable, Sendable {
    case wildcardBase
    case gatewayEnabled
    case gatewayPort
    case routeFile
    case postgresImage
    case containerMemory
    case containerCPUs
    case exampleMade
    case accessTokenHash
}

extension BranchStore {
    /// The gateway's port in connection strings, where nothing else is set.
    package static let defaultGatewayPort = 5_432

    static func setting(_ setting: Setting, in db: Database) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE key = ?", arguments: [setting.rawValue])
    }

    /// nil takes a setting back.
    private static func set(_ setting: Setting, to value: String?, in db: Database) throws {
        guard let value else {
            return try db.execute(sql: "DELETE FROM setting WHERE key = ?", arguments: [setting.rawValue])
        }
        try db.execute(
            sql: "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            arguments: [setting.rawValue, value]
        )
    }

    private func text(_ setting: Setting) throws(BranchError) -> String? {
        try read { db in try Self.setting(setting, in: db) }
    }

    private func set(_ setting: Setting, to value: String?) throws(BranchError) {
        try write { db in try Self.set(setting, to: value, in: db) }
    }

    // MARK: Hostnames and the gateway

    /// What hostnames end in, e.g. `example.net`; nil when it is not set.
    package func wildcardBase() throws(BranchError) -> Hostname? {
        guard let text = try text(.wildcardBase), !text.isEmpty else { return nil }
        do { return try Hostname(text) } catch { throw .store("the wildcard base '\(text)' in the store \(error)") }
    }

    /// Whether somebody has said what hostnames end in, or that they shall have none.
    package func hasSetWildcardBase() throws(BranchError) -> Bool { try text(.wildcardBase) != nil }

    /// Sets what hostnames end in, and gives every branch its name; nil takes all names away.
    package func setWildcardBase(_ base: Hostname?) throws(BranchError) {
        if let base, base.name.utf8.count > HostnameBuilder.maximumBaseLength {
            throw .invalid(
                "'\(base)' is too long for a wildcard base; at most \(HostnameBuilder.maximumBaseLength) characters"
            )
        }
        try write { db in
            // Empty where somebody wants none, which is not the same as never set.
            try Self.set(.wildcardBase, to: base?.name ?? "", in: db)
            try base == nil ? db.execute(sql: "UPDATE target SET hostname = NULL") : Self.assignHostnames(db)
        }
    }

    /// Whether people are shown how to get in through the gateway.
    package func isGatewayEnabled() throws(BranchError) -> Bool { try text(.gatewayEnabled) != "false" }

    package func setGatewayEnabled(_ isEnabled: Bool) throws(BranchError) {
        try set(.gatewayEnabled, to: String(isEnabled))
    }

    /// The gateway's port in connection strings.
    package func gatewayPort() throws(BranchError) -> Int {
        try text(.gatewayPort).flatMap(Int.init) ?? Self.defaultGatewayPort
    }

    package func setGatewayPort(_ port: Int) throws(BranchError) {
        guard (1...65_535).contains(port) else { throw .invalid("\(port) is no port; use a number from 1 to 65535") }
        try set(.gatewayPort, to: String(port))
    }

    /// The route map that the gateway reads; nil until a first command has said so.
    package func routeFile() throws(BranchError) -> String? { try text(.routeFile) }

    /// - Parameter path: absolute, so that every command means the same file.
    package func setRouteFile(_ path: String) throws(BranchError) {
        guard path.hasPrefix("/"), !path.hasSuffix("/") else {
            throw .invalid("'\(path)' is no absolute path of a file; the route map needs one")
        }
        try set(.routeFile, to: path)
    }

    // MARK: Containers

    package func postgresImage() throws(BranchError) -> String? { try text(.postgresImage) }

    package func setPostgresImage(_ image: String) throws(BranchError) {
        guard !image.isEmpty, !image.contains(where: \.isWhitespace) else {
            throw .invalid("'\(image)' is no name of an image; use one such as postgres:16")
        }
        try set(.postgresImage, to: image)
    }

    /// What a branch's container may use, from its next start on.
    package func containerLimits() throws(BranchError) -> DockerRuntime.Limits {
        DockerRuntime.Limits(
            memory: try text(.containerMemory).flatMap(Int.init),
            nanoCPUs: try text(.containerCPUs).flatMap(Int.init)
        )
    }

    package func setContainerLimits(_ limits: DockerRuntime.Limits) throws(BranchError) {
        try limits.check()
        try write { db in
            try Self.set(.containerMemory, to: limits.memory.map(String.init), in: db)
            try Self.set(.containerCPUs, to: limits.nanoCPUs.map(String.init), in: db)
        }
    }

    // MARK: The example

    /// Whether the example project was made once; it is not made again when somebody has deleted it.
    package func isExampleMade() throws(BranchError) -> Bool { try text(.exampleMade) == "true" }

    package func setExampleMade() throws(BranchError) { try set(.exampleMade, to: "true") }

    // MARK: The API's token

    /// Of the token that the API asks for; nil until one was made.
    package func accessTokenHash() throws(BranchError) -> String? { try text(.accessTokenHash) }

    package func setAccessTokenHash(_ hash: String) throws(BranchError) { try set(.accessTokenHash, to: hash) }
}
