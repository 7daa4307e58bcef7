import ArgumentParser
import BranchManager
import Foundation
import FrostServer

extension BranchCommand {
    struct URL: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a connection string for a branch, with its password.",
            discussion: """
                EXAMPLES
                  frost branch url feature-1
                  frost branch url feature-1 --verify-full --format jdbc
                  frost branch url feature-1 --via direct
                """
        )
        @OptionGroup var selection: BranchSelection
        @Option(
            help: ArgumentHelp(
                "Format: \(SnippetKind.allCases.map(\.rawValue).joined(separator: ", ")).",
                discussion: "Without it, a URL for libpq (psql and others) on this host."
            )
        )
        var format: SnippetKind?
        @Option(help: "external: through the gateway; internal: from a container on its network; direct: on this host.")
        var via = ConnectionWay.external
        @Flag(help: "Verify the gateway's certificate: sslmode=verify-full instead of require.")
        var verifyFull = false
        @OptionGroup(title: "Global options") var options: FrostOptions

        private struct Shown: Encodable {
            /// As libpq reads it.
            var url: String
            /// In the requested format.
            var text: String
            var host: String
            var port: Int
            var username: String
            var password: String
            var databaseName: String
            /// null for unencrypted connections.
            @OrNull var sslmode: String?
            /// null if the certificate is not verified.
            @OrNull var sslrootcert: String?
            /// As the API has it.
            @OrNull var externalWarning: String?
            /// The same in words.
            @OrNull var warning: String?
        }

        func validate() throws {
            if verifyFull, via != .external {
                throw ValidationError("--verify-full needs --via external; other connections are not encrypted")
            }
        }

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let store = try FrostContext.store(options)
                let branch = try selection.find(in: store)
                let mode = verifyFull ? SSLMode.verifyFull(try GatewayRoots.find(options, store)) : .require
                let info = try via.connection(branch, store, sslMode: mode, options)
                let snippet = format.map { ConnectionSnippets.snippet($0, info) }
                let text = snippet?.text ?? ConnectionSnippets.url(info)
                let look =
                    via == .external
                    ? try await GatewayLook.warning(for: branch, store, in: options.dataDirectory) : nil
                if options.json {
                    try Output.json(shown(info, text, look))
                } else {
                    print(text, terminator: text.hasSuffix("\n") ? "" : "\n")
                }
                look?.show()
                try await note(branch, snippet, store)
            }
        }

        private func shown(_ info: ConnectionInfo, _ text: String, _ look: GatewayLook?) -> Shown {
            Shown(
                url: ConnectionSnippets.url(info),
                text: text,
                host: info.host,
                port: info.port,
                username: info.username,
                password: info.password,
                databaseName: info.databaseName,
                sslmode: info.sslMode?.name,
                sslrootcert: info.sslMode?.rootCertificate,
                externalWarning: look?.warning.rawValue,
                warning: look?.text
            )
        }

        /// Warnings about the connection, and notes about the format.
        private func note(_ branch: BranchDetails, _ snippet: Snippet?, _ store: BranchStore) async throws {
            if let note = snippet?.note { ErrorOutput.print("note: \(note)") }
            if branch.target.lifecycleStatus != .active {
                ErrorOutput.print("note: the branch is \(branch.target.lifecycleStatus.rawValue)")
            } else {
                // The user wants a string that works.
                _ = try? await FrostContext.checkPassword(branch, options, store)
            }
            if let warning = try store.branch(id: branch.target.id).target.passwordWarning(options.hint) {
                ErrorOutput.print("note: \(warning)")
            }
        }
    }
}

extension SnippetKind: ExpressibleByArgument {}
