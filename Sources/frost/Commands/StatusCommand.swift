import ArgumentParser
import BranchManager
import Foundation

/// `frost status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract:
            "Check gateway, certificates, DNS, route map, servers, expiry, disk, ports and operations.",
        discussion: """
            Prints one line per check, with a fix for each problem, and exits with 1 if there is one. Works whether \
            or not frost up is running.

            EXAMPLE
              frost status
            """,
        aliases: ["doctor"]
    )
    @OptionGroup(title: "Global options") var options: FrostOptions

    private struct Shown: Encodable {
        var ok: Bool
        var checks: [HostCheck]
    }

    func run() async throws {
        try await ErrorOutput.exiting(options) {
            let checks = try await HostStatus(options, FrostContext.store(options)).checks()
            let isWell = checks.allSatisfy(\.ok)
            if options.json {
                try Output.json(Shown(ok: isWell, checks: checks))
            } else {
                let width = checks.map { $0.name.count }.max() ?? 0
                for check in checks {
                    let name = check.name.padding(toLength: width, withPad: " ", startingAt: 0)
                    print("\(check.ok ? "✓" : "✗") \(name)  \(check.message)")
                    if let fix = check.fix { print("  \(String(repeating: " ", count: width))  \(fix)") }
                }
            }
            if !isWell { throw ExitCode.failure }
        }
    }
}
