package import BranchManager
import Foundation
import GatewayContract

/// Where the gateway answers operators, and who runs it.
package struct GatewayPlace: Hashable, Sendable {
    /// Who starts it, and whom to ask when it does not run.
    package enum Runner: Hashable, Sendable {
        /// A service of its own, such as a unit of systemd.
        case service
        /// `frost up`, which starts it again when it ends.
        case frostUp(isRunning: Bool)
    }

    /// `host:port`, as the gateway's own setting has it.
    package var admin: String
    package var runner: Runner
    /// For commands in messages.
    package var hint: CommandHint

    package init(admin: String, runner: Runner, hint: CommandHint = CommandHint()) {
        self.admin = admin
        self.runner = runner
        self.hint = hint
    }

    /// Where nothing else is said.
    package static func defaultAdmin(isChild: Bool) -> String {
        "\(GatewayPort.adminHost):\(isChild ? GatewayPort.childAdmin : GatewayPort.admin)"
    }

    /// Where a command finds the gateway: the address in its own environment, else the one given to `frost up`.
    ///
    /// - Parameter isUpRunning: whether a `frost up` runs on this store.
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

    /// Whether it can be asked; port 0 is any port, and which one is not known here.
    var isKnown: Bool {
        guard let colon = admin.lastIndex(of: ":"), let port = UInt16(admin[admin.index(after: colon)...]) else {
            return false
        }
        return port > 0
    }

    func url(_ path: AdminPath) -> String { "http://\(admin)\(path.rawValue)" }
}
