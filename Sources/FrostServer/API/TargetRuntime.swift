import BranchManager
import RouteMap

/// Why a branch has no external connection string.
enum ExternalUnavailableReason: String, CaseIterable, Sendable {
    case gatewayDisabled = "gateway_disabled"
    case wildcardMissing = "wildcard_missing"
    case targetStopped = "target_stopped"
}

/// A branch's status in Frost's terms; `state` has this frost's finer distinctions.
enum FrostStatus: String, CaseIterable, Sendable {
    case active
    case stopped
    case expired

    init(_ status: LifecycleStatus) {
        self =
            switch status {
            case .active: .active
            case .expired: .expired
            default: .stopped
            }
    }
}

/// A branch's runtime and its external address (`databases.getTargetRuntime`).
struct TargetRuntime: Sendable {
    struct External: Hashable, Sendable {
        var host: String
        var port: Int
    }

    let branch: BranchDetails
    /// nil if there is a reason.
    let external: External?
    let unavailableReason: ExternalUnavailableReason?
    /// nil without ``external``.
    let warning: ExternalWarning?
    /// For the runtime `docker`.
    let containerName: String?
    let image: String?
    /// The server's port in its container, or on the host.
    let port: Int
    /// How a branch gets its data: as a copy of its source.
    let storageBackend = "copy"
    /// A warning about the password; nil if it works.
    let passwordWarning: String?

    /// The port of PostgreSQL in a container.
    static let containerPort = 5_432

    init(_ branch: BranchDetails, settings: ServerSettings, gateway: GatewayCondition, image: String) {
        self.branch = branch
        passwordWarning = branch.target.passwordWarning(gateway.place.hint)
        let isContainer = branch.target.runtime == .docker
        containerName = isContainer ? DockerRuntime.containerName(branch.target.id) : nil
        self.image = isContainer ? branch.target.image ?? image : nil
        port = isContainer ? Self.containerPort : branch.target.hostPort
        let reason: ExternalUnavailableReason? =
            if !settings.gatewayEnabled {
                .gatewayDisabled
            } else if settings.wildcardBase == nil || branch.target.hostname == nil {
                .wildcardMissing
            } else if branch.target.lifecycleStatus != .active {
                .targetStopped
            } else {
                nil
            }
        unavailableReason = reason
        external =
            reason == nil ? branch.target.hostname.map { External(host: $0, port: settings.gatewayPort) } : nil
        warning = external.flatMap { ExternalWarning(gateway, for: $0.host) }
    }
}

/// Settings that can be changed at run time, and their effect.
struct ServerSettings: Hashable, Sendable {
    var wildcardBase: String?
    var gatewayEnabled: Bool
    var gatewayPort: Int
    /// Why the gateway of `frost up` cannot apply them.
    var gatewayFault: String?

    init(_ store: BranchStore) throws(BranchError) {
        wildcardBase = try store.wildcardBase()?.name
        gatewayEnabled = try store.isGatewayEnabled()
        gatewayPort = try store.gatewayPort()
        gatewayFault = try store.gatewayFault()
    }
}
