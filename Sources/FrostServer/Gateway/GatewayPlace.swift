package import BranchManager
import Foundation
import GatewayContract

/// The gateway's admin address, and who runs it.
package struct GatewayPlace: Hashable, Sendable {
    /// What runs the gateway, and where to look when it is not running.
    package enum Runner: Hashable, Sendable {
        /// A separate service, such as a systemd unit.
        case service
        /// `frost up`, which restarts it when it ends.
        case frostUp(isRunning: Bool)
    }

    /// `host:port`, in the format of the gateway's own setting.
    package var admin: String
    package var runner: Runner
    /// For commands in messages.
    package var hint: CommandHint

    package init(admin: String, runner: Runner, hint: CommandHint = CommandHint()) {
        self.admin = admin
        self.runner = runner
        self.hint = hint
    }

    /// The default.
    package static func defaultAdmin(isChild: Bool) -> String {
        "\(GatewayPort.adminHost):\(isChild ? GatewayPort.childAdmin : GatewayPort.admin)"
    }

    /// Where a command finds the gateway: the address in its own environment, else the one given to `frost up`.
    ///
    /// - Parameter isUpRunning: whether a `frost up` is running on this store.
    package init(
        _ store: BranchStore,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        isUpRunning: Bool
    ) throws(BranchError) {
        let isChild = try store.isGatewayChild()
        let own = environment[GatewayVariable.adminAddress.environmentName].flatMap { $0.isEmpty ? nil : $0 }
        let told = try store.gatewayAdmin()
        admin = own ?? told ?? Self.defaultAdmin(isChild: isChild)
        runner = isChild ? .frostUp(isRunning: isUpRunning) : .service
        hint = store.hint
    }

    /// Whether it can be queried; port 0 means any free port, which is not known here.
    var isKnown: Bool {
        guard let colon = admin.lastIndex(of: ":"), let port = UInt16(admin[admin.index(after: colon)...]) else {
            return false
        }
        return port > 0
    }

    func url(_ path: AdminPath) -> String { "http://\(admin)\(path.rawValue)" }
}
