import GRDB
package import RouteMap

/// The operator's settings in the store.
package enum Setting: String, CaseIterable, Sendable {
    case wildcardBase
    case gatewayEnabled
    case gatewayPort
    case gatewayFault
    case ownCertificates
    case gatewayAdmin
    case gatewayChild
    case routeFile
    case postgresImage
    case containerMemory
    case containerCPUs
    case exampleMade
    case accessTokenHash
    case endedLogins
}

extension BranchStore {
    /// The default of the gateway's port in connection strings.
    package static let defaultGatewayPort = 5_432

    static func setting(_ setting: Setting, in db: Database) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE key = ?", arguments: [setting.rawValue])
    }

    /// nil removes a setting.
    static func set(_ setting: Setting, to value: String?, in db: Database) throws {
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

    /// The domain of hostnames, e.g. `example.net`; nil if not set.
    package func wildcardBase() throws(BranchError) -> Hostname? {
        guard let text = try text(.wildcardBase), !text.isEmpty else { return nil }
        do { return try Hostname(text) } catch { throw .store("the wildcard domain '\(text)' in the store \(error)") }
    }

    /// Whether the domain of hostnames was set, even to none.
    package func hasSetWildcardBase() throws(BranchError) -> Bool { try text(.wildcardBase) != nil }

    /// Sets the domain of hostnames, and assigns a name to every branch; nil removes all names.
    package func setWildcardBase(_ base: Hostname?) throws(BranchError) {
        try change(SettingsChange(wildcardBase: .some(base)))
    }

    /// Changes settings in one transaction.
    package func change(_ change: SettingsChange) throws(BranchError) {
        try change.check()
        try write { db in try Self.change(change, in: db) }
    }

    /// - Parameter names: hostnames by branch to restore; the current ones if nil.
    static func change(_ change: SettingsChange, keeping names: [String: String]? = nil, in db: Database) throws {
        if let base = change.wildcardBase {
            // Empty for an explicit none, which differs from never set.
            try set(.wildcardBase, to: base?.name ?? "", in: db)
            if base == nil {
                try takeHostnames(db, keepingFor: change.keepsHostnamesFor)
            } else {
                try assignHostnames(db, keeping: names, oldOnesFor: change.keepsHostnamesFor)
            }
        }
        if let isEnabled = change.isGatewayEnabled { try set(.gatewayEnabled, to: String(isEnabled), in: db) }
        if let port = change.gatewayPort { try set(.gatewayPort, to: String(port), in: db) }
        // The fault concerned the old settings; if it persists, it is reported again.
        try set(.gatewayFault, to: nil, in: db)
    }

    /// The change that reverts another, and its hostnames.
    static func undoing(_ change: SettingsChange, in db: Database) throws -> (SettingsChange, names: [String: String]) {
        var undoing = SettingsChange()
        if change.wildcardBase != nil {
            let text = try setting(.wildcardBase, in: db) ?? ""
            undoing.wildcardBase = .some(text.isEmpty ? nil : try Hostname(text))
        }
        if change.isGatewayEnabled != nil { undoing.isGatewayEnabled = try setting(.gatewayEnabled, in: db) != "false" }
        if change.gatewayPort != nil {
            undoing.gatewayPort = try setting(.gatewayPort, in: db).flatMap(Int.init) ?? defaultGatewayPort
        }
        let rows = try Row.fetchAll(db, sql: "SELECT id, hostname FROM target WHERE hostname IS NOT NULL")
        return (undoing, Dictionary(uniqueKeysWithValues: rows.map { ($0["id"], $0["hostname"]) }))
    }

    /// Whether the gateway is enabled, so that `frost up` runs one.
    package func isGatewayEnabled() throws(BranchError) -> Bool { try text(.gatewayEnabled) != "false" }

    /// The gateway's port in connection strings.
    package func gatewayPort() throws(BranchError) -> Int {
        try text(.gatewayPort).flatMap(Int.init) ?? Self.defaultGatewayPort
    }

    package func setGatewayPort(_ port: Int) throws(BranchError) {
        try change(SettingsChange(gatewayPort: port))
    }

    /// Why the gateway cannot apply the settings, as a sentence; nil if it can.
    package func gatewayFault() throws(BranchError) -> String? { try text(.gatewayFault) }

    /// Works on a full disk too, which must not end `frost up`.
    package func setGatewayFault(_ fault: String?) throws(BranchError) {
        try write(urgent: true) { db in try Self.set(.gatewayFault, to: fault, in: db) }
    }

    /// Whether the last `frost up` used certificates of frost's own CA; nil before the first.
    package func hasOwnCertificates() throws(BranchError) -> Bool? { try text(.ownCertificates).map { $0 == "true" } }

    package func setHasOwnCertificates(_ isOwn: Bool) throws(BranchError) {
        if try hasOwnCertificates() != isOwn { try set(.ownCertificates, to: String(isOwn)) }
    }

    /// The gateway's admin address, `host:port`, as given to the last `frost up`; nil if there was none.
    package func gatewayAdmin() throws(BranchError) -> String? { try text(.gatewayAdmin) }

    /// Whether the last `frost up` ran the gateway itself.
    package func isGatewayChild() throws(BranchError) -> Bool { try text(.gatewayChild) == "true" }

    package func setGateway(admin: String, isChild: Bool) throws(BranchError) {
        try write { db in
            try Self.set(.gatewayAdmin, to: admin, in: db)
            try Self.set(.gatewayChild, to: String(isChild), in: db)
        }
    }

    /// The route map that the gateway reads; nil until a command sets it.
    package func routeFile() throws(BranchError) -> String? { try text(.routeFile) }

    /// - Parameter path: absolute, so that every command means the same file.
    package func setRouteFile(_ path: String) throws(BranchError) {
        guard path.hasPrefix("/"), !path.hasSuffix("/") else {
            throw .invalid("'\(path)' is not an absolute path; the route map needs one")
        }
        try set(.routeFile, to: path)
    }

    // MARK: Containers

    package func postgresImage() throws(BranchError) -> String? { try text(.postgresImage) }

    /// - Parameter image: one for all versions, or one per version (``PostgresImages``).
    package func setPostgresImage(_ image: String) throws(BranchError) {
        _ = try PostgresImages(image)
        try set(.postgresImage, to: image)
    }

    /// Limits of a branch's container, from its next start.
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

    /// Whether the example project was created; it is not recreated after it was deleted.
    package func isExampleMade() throws(BranchError) -> Bool { try text(.exampleMade) == "true" }

    package func setExampleMade() throws(BranchError) { try set(.exampleMade, to: "true") }
}
