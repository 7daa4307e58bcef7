import ArgumentParser
import BranchManager
import Foundation
import FrostServer

/// `frost psql`
struct PsqlCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "psql",
        abstract: "Open psql on a branch, through the gateway if it has a hostname.",
        discussion: """
            EXAMPLES
              frost psql feature-1
              frost psql shop/feature-1 -- -c 'SELECT 1'
            """
    )
    @Argument(
        help: "The branch: dev, or shop/dev or project/shop/dev if there are several databases.",
        completion: BranchCompletion.branches
    )
    var branch: String = BranchName.main
    @Argument(parsing: .postTerminator, help: "Arguments for psql, after --.") var arguments: [String] = []
    @Option(help: "external: through the gateway; direct: the branch's own port on this host.")
    var via: ConnectionWay?
    @OptionGroup var place: BranchPlace
    @OptionGroup(title: "Global options") var options: FrostOptions

    func run() async throws {
        let (environment, conninfo) = try await ErrorOutput.exiting(options) {
            let store = try FrostContext.store(options)
            let branch = try store.branch(place.reference(branch))
            guard branch.target.lifecycleStatus == .active else {
                throw BranchError.notAllowed(
                    "\(branch.displayName) is \(branch.target.lifecycleStatus.rawValue); start it: "
                        + "\(next: options.command("branch start \(branch.displayName)"))"
                )
            }
            let info = try connection(branch, store)
            // Every user of the host can read a password in an argument.
            return (["PGPASSWORD": info.password], info.conninfo)
        }
        try ClientProgram.become("psql", [conninfo] + arguments, environment)
    }

    /// Through the gateway if possible, unless a way is requested.
    private func connection(_ branch: BranchDetails, _ store: BranchStore) throws(BranchError) -> ConnectionInfo {
        let isReached = try store.isGatewayEnabled() && branch.target.hostname != nil
        return try (via ?? (isReached ? .external : .direct)).connection(branch, store, options)
    }
}
