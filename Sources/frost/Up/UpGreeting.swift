import BranchManager
import Foundation
import FrostServer
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Printed when `frost up` is ready: the address of the page, and how to connect.
final class UpGreeting: Sendable {
    private let options: FrostOptions
    private let isTemporary: Bool
    private let hasGateway: Bool
    private let isTerminal: Bool
    private let isShown = Mutex(false)

    /// - Parameter hasGateway: whether the gateway is this program's own.
    init(_ options: FrostOptions, isTemporary: Bool, hasGateway: Bool) {
        self.options = options
        self.isTemporary = isTemporary
        self.hasGateway = hasGateway
        isTerminal = isatty(STDOUT_FILENO) == 1
    }

    /// - Parameter address: `http://127.0.0.1:3000`
    func showPage(_ address: String, token store: BranchStore, logins: OneTimeLogins) {
        var text = "  page and API: \(address)\n"
        // The link gives access to every password. Print it on terminals only: a journal keeps its lines for years.
        if isTerminal || isTemporary {
            let token = try? AccessToken.makeFirst(in: store)
            if isTerminal { text += "  log in once with: \(address)\(logins.make())\n" }
            if let token { text += "  token, shown only once: \(token)\n" }
        } else {
            text += "  new token: \(options.command("token rotate"))\n"
        }
        Output.write("\(text)\n", to: STDOUT_FILENO)
    }

    /// Prints how to connect the first time, and later only the new port.
    func showBranches(_ store: BranchStore, port: Int) throws {
        let isFirst = isShown.withLock { isShown in
            defer { isShown = true }
            return !isShown
        }
        guard isFirst else { return Output.write("  the gateway is on port \(port)\n", to: STDOUT_FILENO) }
        var text = "\n"
        let active = try store.branches().filter { $0.target.lifecycleStatus == .active && $0.target.hostname != nil }
        // All temporary branches: their password protects nothing.
        for branch in isTemporary ? active[...] : active.prefix(1) {
            guard let external = ConnectionInfo(external: branch, port: port) else { continue }
            text += "  branch \(branch.displayName) of \(branch.project.name)/\(branch.database.name):\n"
            text += "    \(isTemporary ? ConnectionSnippets.psql(external) : ConnectionSnippets.maskedPsql(external))\n"
            if !isTemporary {
                text += "    \(options.command("psql \(branch.displayName)"))\n"
                text += "    \(options.command("branch url \(branch.displayName)"))    (with the password)\n"
            }
            text += "\n"
        }
        if active.count > 1, !isTemporary {
            text += "  and \(active.count - 1) more: \(options.command("branch list"))\n\n"
        }
        if try store.isExampleMade() { text += "  Try:  SELECT * FROM item;\n" }
        text += "  Ctrl-C here stops \(whatEnds).\n\n"
        Output.write(text, to: STDOUT_FILENO)
    }

    private var whatEnds: String {
        if isTemporary { return "everything" }
        return hasGateway ? "the gateway; branches keep running" : "frost; branches and the gateway keep running"
    }
}
