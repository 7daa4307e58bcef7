import BranchManager
import Foundation
import FrostServer

/// The output of a command that creates a branch.
struct MadeBranch {
    let branch: BranchDetails
    /// nil for the first branch of a database.
    let source: BranchDetails?
    let took: Duration

    init(_ branch: BranchDetails, source: BranchDetails?, took: Duration) {
        self.branch = branch
        self.source = source
        self.took = took
    }

    /// - Throws: ``BranchError`` when the store cannot be read.
    func show(_ context: FrostContext, showsPassword: Bool) async throws {
        let (store, options) = (context.store, context.options)
        let look = try await GatewayLook.warning(for: branch, store, in: context.directory)
        defer { look?.show() }
        if options.json { return try Output.json(ShownBranch(branch, look)) }
        let seconds = Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
        let time = seconds.formatted(.number.precision(.fractionLength(1)).locale(Locale(identifier: "en_US_POSIX")))
        let what = source.map { ", a copy of \($0.displayName)," } ?? ""
        print("\(branch.displayName)\(what) is ready (\(time) s).")
        if let hostname = branch.target.hostname { print("  hostname: \(hostname)") }
        if try store.isGatewayEnabled(), let external = ConnectionInfo(external: branch, port: try store.gatewayPort())
        {
            print("  \(showsPassword ? ConnectionSnippets.psql(external) : ConnectionSnippets.maskedPsql(external))")
        }
        print("  \(options.command("psql \(branch.displayName)"))")
    }
}
