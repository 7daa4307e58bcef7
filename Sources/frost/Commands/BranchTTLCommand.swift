import ArgumentParser
import BranchManager
import Foundation

extension BranchCommand {
    struct TTL: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ttl",
            abstract: "Say after how long without use a branch expires, or look it up.",
            discussion: """
                A branch that nobody has used for so long is stopped, shown as expired, and deleted 7 days later; frost \
                branch start keeps it. Time passes while frost up runs and can ask the branch's server. Never main.

                EXAMPLES
                  frost branch ttl pr-123 7d
                  frost branch ttl pr-123 none
                  frost branch ttl pr-123
                """
        )
        @OptionGroup var selection: BranchSelection
        @Argument(help: "1h to 365d, e.g. 7d, or none. (default: change nothing)") var ttl: String?
        @OptionGroup(title: "Global options") var options: FrostOptions

        func run() async throws {
            try await Complaint.exiting(options) {
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
                    Complaint.print("note: frost up does not run; until it does, the time does not pass")
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
        if target.hasFailed { return "expires \(time), and not while it has failed" }
        guard expiry.isWatched(at: .now) else {
            let what = deletesAt == nil ? "expires \(time)" : "has expired"
            return "\(what); the time does not pass while frost up does not run, or cannot ask its server"
        }
        if let deletesAt { return "has expired, and is deleted \(Self.text(deletesAt)) unless somebody starts it" }
        return "expires \(time): \(Self.text(expiry.expiresAt)) at the earliest"
    }

    private static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}
