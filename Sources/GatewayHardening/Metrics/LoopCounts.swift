/// Counts by label, written by one event loop. The labels are a closed set: they become labels of metrics.
package final class LoopCounts<Label: CaseIterable & Hashable & Sendable>: Sendable {
    private let cells: [Label: CountCell]

    package init() {
        cells = Dictionary(Label.allCases.map { ($0, CountCell()) }) { first, _ in first }
    }

    /// Called on the event loop alone.
    package func count(_ label: Label) { cells[label]?.count.add(1) }

    /// All labels, those without an event included.
    package var all: [Label: Int] { cells.mapValues { $0.count.current } }
}
