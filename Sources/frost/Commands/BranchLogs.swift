import ArgumentParser
import BranchManager
import Foundation

extension BranchCommand {
    struct Logs: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the log of a branch's server.",
            discussion: """
                EXAMPLES
                  frost branch logs feature-1
                  frost branch logs feature-1 --follow
                """
        )
        @OptionGroup var selection: BranchSelection
        @Flag(name: [.short, .long], help: "Follow the log until Ctrl-C.") var follow = false
        @OptionGroup(title: "Global options") var options: FrostOptions

        private struct Shown: Encodable {
            var lines: [String]
        }

        func validate() throws {
            if follow, options.json { throw ValidationError("--follow cannot be combined with --json") }
        }

        func run() async throws {
            try await ErrorOutput.exiting(options) {
                let store = try FrostContext.store(options)
                let branch = try selection.find(in: store)
                let runtime = try await FrostContext.runtime(of: branch, options, store)
                var part = try await runtime.log(ServerSpec(branch), after: nil)
                if options.json {
                    return try Output.json(Shown(lines: part.text.split(separator: "\n").map(String.init)))
                }
                print(part.text, terminator: "")
                while follow {
                    try Output.flush()
                    try await Task.sleep(for: .milliseconds(500))
                    part = try await runtime.log(ServerSpec(branch), after: part.place)
                    print(part.text, terminator: "")
                }
            }
        }
    }
}
