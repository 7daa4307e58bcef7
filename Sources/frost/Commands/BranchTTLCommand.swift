import ArgumentParser
import BranchManager
import Foundation

extension BranchCommand {
    struct TTL: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ttl",
            abstract: "Set or show when an unused branch expires.",
            discussion: """
                An expired branch is stopped, and deleted 7 days later unless frost branch start starts it. Time counts \
                only while frost up is running and can query the branch's server. The branch main never expires.

                EXAMPLES
                  frost branch ttl pr-123 7d
                  frost branch ttl pr-123 none
                  frost branch ttl pr-123
                """
        )
        @OptionGroup var selection: BranchSelection
        @Argument(help: "1h to 365d, e.g. 7d, or none; without it, shows the current setting.") var ttl: String?
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let branch: BranchDetails
                if let ttl {
                    let new = ttl == "none" ? nil : try BranchTTL(ttl)
                    let context = try await FrostContext.open(options)
                    branch = try await context.manager.setTTL(new, of: selection.find(in: context.store))
                } else {
                    branch = try selection.find(in: FrostContext.store(options))
                }
                if options.json { return try Output.json(ShownBranch(branch)) }
                print("\(branch.displayName) \(branch.expiryText)")
                if branch.expiry != nil, !UpLock.isHeld(in: options.dataDirectory) {
                    ErrorOutput.print("note: frost up is not running; the time counts only while it is")
                }
            }
        }
    }
}

extension BranchDetails {
    /// A clause: when it expires or is deleted.
    var expiryText: String {
        guard let expiry, let ttl = expiry.ttl else { return "never expires" }
        let time = "after \(ttl.text) without use"
        if target.hasFailed { return "expires \(time), but not while it is failed" }
        guard expiry.isWatched(at: .now) else {
            let what = deletesAt == nil ? "expires \(time)" : "has expired"
            return "\(what); the time counts only while frost up is running and can query its server"
        }
        if let deletesAt { return "has expired; will be deleted \(Self.text(deletesAt)) unless it is started" }
        return "expires \(time): \(Self.text(expiry.expiresAt)) at the earliest"
    }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
