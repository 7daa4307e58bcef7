package import RouteMap

/// What an operator changes of the settings at once: all of it or nothing. What is nil stays as it is.
package struct SettingsChange: Sendable {
    /// `.some(nil)` takes all hostnames away.
    package var wildcardBase: Hostname??
    /// For how long branches are still reached by the hostnames that they have until then; nil for not at all.
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

    /// Whether the route map follows.
    var isOfRoutes: Bool { wildcardBase != nil || isGatewayEnabled != nil }

    /// - Throws: ``BranchError/invalid(_:)``.
    func check() throws(BranchError) {
        if case .some(.some(let base)) = wildcardBase { try WildcardDomain.check(base) }
        if let gatewayPort, !(1...65_535).contains(gatewayPort) {
            throw .invalid("invalid port \(gatewayPort); use a number from 1 to 65535")
        }
    }
}
