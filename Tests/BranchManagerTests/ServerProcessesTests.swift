import Foundation
import TestSupport
import Testing

@testable import BranchManager

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Servers whose first process is known.
@Suite struct ServerProcessesTests {
    /// Of nobody's that waits for it, as servers are.
    private func makeProcess() async throws -> Int32 {
        let printed = try await Command.check("sh", ["-c", "sleep 600 >/dev/null 2>&1 & echo $!"])
        return try #require(Int32(printed.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    @Test("Those that live are told apart from those that have ended, and from those that are no servers")
    func living() async throws {
        let processes = ServerProcesses()
        let one = try await makeProcess()
        let other = try await makeProcess()
        defer { for process in [one, other] { kill(process, SIGKILL) } }
        #expect(processes.living(of: ["one"]).isEmpty)
        for (name, process) in [("one", one), ("other", other)] {
            #expect(try processes.hold(process, of: name) { true })
        }
        #expect(try !processes.hold(one, of: "nobody") { false })
        #expect(throws: BranchError.self) {
            try processes.hold(one, of: "nobody") { () throws(BranchError) in throw .runtime("cannot be told") }
        }
        #expect(processes.living(of: ["one", "other", "nobody"]) == ["one", "other"])
        kill(one, SIGKILL)
        while processes.living(of: ["one", "other"]).contains("one") { await Task.yield() }
        #expect(processes.living(of: ["one", "other", "nobody"]) == ["other"])
        // A later server of the same branch.
        #expect(try processes.hold(other, of: "one") { true })
        #expect(processes.living(of: ["one"]) == ["one"])
        #expect(processes.living(of: ["one", "other"]) == ["one"], "nobody asked for the other")
    }
}
