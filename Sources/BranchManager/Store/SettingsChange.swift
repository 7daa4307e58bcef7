package import RouteMap

/// A change of settings, applied completely or not at all. nil keeps a setting.
package struct SettingsChange: Sendable {
    /// `.some(nil)` removes all hostnames.
    package var wildcardBase: Hostname??
    /// How long old hostnames keep working; nil for not at all.
    package var keepsHostnamesFor: AliasDuration?
    package var isGatewayEnabled: Bool?
    /// From 1 to 65535.
    package var gatewayPort: Int?

    package init(
        wildcardBase: Hostname?? = nil,
        keepsHostnamesFor: AliasDuration? = nil,
        isGatewayEnabled: Bool? = nil,
        gatewayPort: Int? = nil
    ) {
        self.wildcardBase = wildcardBase
        self.keepsHostnamesFor = keepsHostnamesFor
        self.isGatewayEnabled = isGatewayEnabled
        self.gatewayPort = gatewayPort
    }

    /// Whether it affects the route map.
    var isOfRoutes: Bool { wildcardBase != nil || isGatewayEnabled != nil }

    /// - Throws: ``BranchError/invalid(_:)``.
    func check() throws(BranchError) {
        if case .some(.some(let base)) = wildcardBase { try WildcardDomain.check(base) }
        if let gatewayPort, !(1...65_535).contains(gatewayPort) {
            throw .invalid("invalid port \(gatewayPort); use a number from 1 to 65535")
        }
    }
}
