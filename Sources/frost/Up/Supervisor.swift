import BranchManager
import Foundation

/// Looks after branches while `frost up` runs: servers that fell over are started again, and what a killed
/// command has left half done is finished or undone.
struct Supervisor: Sendable {
    let manager: BranchManager

    private static let interval: TimeInterval = 5
    /// How often passwords are compared with those that servers have.
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
            // A copy of the store's file alone then lacks what happened in the last seconds, and no more.
            manager.store.checkpoint()
            if ContinuousClock.now - checkedPasswords >= Self.passwordInterval {
                checkedPasswords = .now
                // What cannot be asked now stays as it was last seen.
                try? await manager.checkPasswords()
            }
            await report.of { try await manager.recover(checkingServers: true, retrying: .due) }
        }
    }
}
