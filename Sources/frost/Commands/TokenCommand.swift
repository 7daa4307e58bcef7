import ArgumentParser
import BranchManager
import FrostServer

/// `frost token`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make a new token for the API and the page, and print it; the old one and all logins end."
    )

    @OptionGroup var options: FrostOptions

    private struct Shown: Encodable {
        var token: String
    }

    func run() async throws {
        try await Complaint.exiting {
            try AccessToken.make(in: FrostContext.store(options)) { token in
                if options.json { try Output.json(Shown(token: token)) } else { print(token) }
                // Before the old one ends.
                try Output.flush()
            }
        }
    }
}
