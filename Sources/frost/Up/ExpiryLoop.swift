import BranchManager
import Foundation

/// Expires and deletes branches while `frost up` runs.
struct ExpiryLoop: Sendable {
    let manager: BranchManager

    /// Runs until the task is cancelled. Reports the same fault once.
    func run() async {
        let watch = ExpiryWatch(manager)
        var report = RecoveryReport()
        for await _ in Ticks.every(ExpiryWatch.interval) {
            await report.of { try await watch.look() }
        }
    }
}
