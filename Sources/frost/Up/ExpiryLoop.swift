import BranchManager
import Foundation

/// Looks after branches that expire while `frost up` runs.
struct ExpiryLoop: Sendable {
    let manager: BranchManager

    /// Runs until the task is cancelled. The same fault is told once.
    func run() async {
        let watch = ExpiryWatch(manager)
        var told: Set<String> = []
        for await _ in Ticks.every(ExpiryWatch.interval) {
            // What is begun is brought to an end, also when this task is cancelled.
            let look = Task(executorPreference: BlockingWork.executor) { try await watch.look() }
            do {
                let found = try await look.value
                for recovery in found where !(recovery.isFault && told.contains(recovery.message)) {
                    Complaint.print(recovery.message)
                }
                told = Set(found.filter(\.isFault).map(\.message))
            } catch {
                if told.insert("\(error)").inserted { Complaint.print("\(error)") }
            }
        }
    }
}
