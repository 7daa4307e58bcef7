import ArgumentParser
import BranchManager
import Foundation
import FrostServer

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `frost token`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Manage the token of the API and the page; only its hash is stored, so it cannot be shown again.",
        subcommands: [Rotate.self]
    )

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create and print a new token; the old one and all logins stop working.",
            discussion: """
                Asks first on a terminal.

                EXAMPLE
                  frost token rotate
                """
        )
        @Flag(help: "Do not ask.") var yes = false
        @OptionGroup(title: "Global options") var options: FrostOptions

        private struct Shown: Encodable {
            var token: String
        }

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let store = try FrostContext.store(options)
                if !yes, isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 {
                    Output.write(
                        "The current token stops working, and all users are logged out. Continue? [y/N] ",
                        to: STDERR_FILENO
                    )
                    let answer = readLine()?.lowercased() ?? ""
                    guard ["y", "yes"].contains(answer) else {
                        throw BranchError.notAllowed("the token is unchanged")
                    }
                }
                try AccessToken.make(in: store) { token in
                    if options.json { try Output.json(Shown(token: token)) } else { print(token) }
                    // Before the old one ends.
                    try Output.flush()
                }
            }
        }
    }
}
