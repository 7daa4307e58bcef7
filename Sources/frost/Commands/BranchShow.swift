import ArgumentParser
import BranchManager
import Foundation
import FrostServer
import GatewayContract

extension BranchCommand {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a branch: address, source, size and sessions.",
            discussion: """
                EXAMPLE
                  frost branch show feature-1
                """
        )
        @OptionGroup var selection: BranchSelection
        @OptionGroup(title: "Global options") var options: FrostOptions

        private struct Shown: Encodable {
            struct Session: Encodable {
                var client: String
                @OrNull var backendProcess: Int?
                var ageSeconds: Int
            }
            var branch: ShownBranch
            @OrNull var source: String?
            /// Of its server's databases.
            @OrNull var sizeBytes: Int?
            /// The server's own, in full.
            @OrNull var serverVersion: String?
            /// null when the gateway does not answer.
            @OrNull var sessions: [Session]?
        }

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let store = try FrostContext.store(options)
                let branch = try selection.find(in: store)
                let shown = try await look(branch, store)
                if options.json { try Output.json(shown) } else { show(shown, branch) }
            }
        }

        private func look(_ branch: BranchDetails, _ store: BranchStore) async throws -> Shown {
            var shown = Shown(
                branch: ShownBranch(branch),
                source: branch.target.sourceTargetId.flatMap { try? store.branch(id: $0).displayName }
            )
            if branch.target.lifecycleStatus == .active {
                let runtime = try await FrostContext.runtime(of: branch, options, store)
                let facts = try? await runtime.facts(ServerSpec(branch))
                shown.sizeBytes = facts?.size
                shown.serverVersion = facts?.version
            }
            let clients = try await GatewayLook.condition(store, in: options.dataDirectory).answer?.clients
            shown.sessions = clients.map { clients in
                (clients[branch.target.id] ?? []).map {
                    Shown.Session(
                        client: $0.client,
                        backendProcess: $0.backendProcess.map(Int.init),
                        ageSeconds: $0.ageSeconds
                    )
                }
            }
            return shown
        }

        private func show(_ shown: Shown, _ branch: BranchDetails) {
            var rows = [
                ["name", branch.displayName], ["id", branch.target.id],
                ["status", branch.target.reason.map { "\(shown.branch.status) (\($0))" } ?? shown.branch.status],
                ["hostname", branch.target.hostname ?? "-"], ["host port", "127.0.0.1:\(branch.target.hostPort)"],
                ["runs as", branch.target.runtime == .docker ? "a container" : "a process on this host"],
                [
                    "copied from",
                    shown.source ?? (branch.target.isMain ? "nothing: the first branch" : "a deleted branch"),
                ],
                ["expiry", branch.expiryText],
                ["made", branch.target.createdAt.formatted(.iso8601)],
                ["size", shown.sizeBytes.map { ByteCount.text($0) } ?? "-"],
                ["PostgreSQL", shown.serverVersion ?? branch.target.postgresVersion.map(String.init) ?? "-"],
            ]
            switch shown.sessions {
            case nil: rows.append(["sessions", "unknown: the gateway does not answer"])
            case .some(let sessions) where sessions.isEmpty: rows.append(["sessions", "none"])
            case .some(let sessions):
                for (number, session) in sessions.enumerated() {
                    let process = session.backendProcess.map { "process \($0)" } ?? "no process yet"
                    rows.append([
                        number == 0 ? "sessions" : "", "\(session.client), \(process), for \(session.ageSeconds) s",
                    ])
                }
            }
            Output.list(rows)
        }
    }
}
