import Synchronization

/// Counts since the start, by label. The labels are a closed set: they become labels of metrics.
package final class LabelledCounter<Label: Hashable & Sendable>: Sendable {
    private let counts = Mutex<[Label: Int]>([:])

    package init() {}

    package func count(_ label: Label) {
        counts.withLock { $0[label, default: 0] += 1 }
    }

    /// All that were counted at all, at one time.
    package var all: [Label: Int] { counts.withLock { $0 } }

    package subscript(label: Label) -> Int {
        counts.withLock { $0[label, default: 0] }
    }
}
