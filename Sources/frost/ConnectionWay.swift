import ArgumentParser
import BranchManager
import FrostServer

/// The way to connect to a branch.
enum ConnectionWay: String, ExpressibleByArgument, CaseIterable {
    /// Through the gateway, by hostname.
    case external
    /// From another container on its network.
    case `internal`
    /// Without the gateway, on this host only.
    case direct

    /// - Parameter sslMode: for the encrypted way, through the gateway.
    /// - Throws: ``BranchError/notAllowed(_:)`` with a fix if the branch does not accept connections that way.
    func connection(
        _ branch: BranchDetails,
        _ store: BranchStore,
        sslMode: SSLMode = .require,
        _ options: FrostOptions
    ) throws(BranchError) -> ConnectionInfo {
        switch self {
        case .external:
            guard try store.isGatewayEnabled() else {
                throw .notAllowed(
                    "the gateway is disabled, so branches accept connections from this host only; enable it: "
                        + "\(next: options.command("settings --gateway-enabled true"))"
                )
            }
            guard let external = ConnectionInfo(external: branch, port: try store.gatewayPort(), sslMode: sslMode)
            else {
                throw .notAllowed(
                    "branches have no hostnames without a wildcard domain; set one: "
                        + "\(next: options.command("settings --wildcard-base example.net"))"
                )
            }
            return external
        case .internal:
            guard let inside = ConnectionInfo(internal: branch) else {
                throw .notAllowed(
                    "\(branch.displayName) runs as a process on this host, not in a container; use --via direct"
                )
            }
            return inside
        case .direct:
            return ConnectionInfo(direct: branch)
        }
    }
}
