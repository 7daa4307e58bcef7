import BranchManager
import Foundation

/// Supervises branches while `frost up` runs: restarts crashed servers, and finishes or undoes operations of killed
/// commands.
struct Supervisor: Sendable {
    let manager: BranchManager

    private static let interval: TimeInterval = 5
    /// How often passwords are compared with those of the servers.
    private static let passwordInterval = Duration.seconds(300)

    /// Runs until the task is cancelled. Reports the same fault once.
    func run() async {
        var report = RecoveryReport()
        var hasToldPlace = false
        var checkedPasswords = ContinuousClock.now
        for await _ in Ticks.every(Self.interval) {
            do throws(BranchError) {
                try manager.store.checkPlace()
                hasToldPlace = false
            } catch {
                if !hasToldPlace { ErrorOutput.print("\(error)") }
                hasToldPlace = true
            }
            manager.store.keepReserve()
            // A copy of the store's file alone then lacks only the last seconds.
            manager.store.checkpoint()
            if ContinuousClock.now - checkedPasswords >= Self.passwordInterval {
                checkedPasswords = .now
                // Servers that cannot be queried now keep their last known state.
                try? await manager.checkPasswords()
            }
            await report.of { try await manager.recover(checkingServers: true, retrying: .due) }
        }
    }
}
