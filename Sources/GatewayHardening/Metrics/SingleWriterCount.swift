import Synchronization

/// A count that one thread writes at a time and any thread reads.
///
/// One writer, so plain loads and stores suffice, and counting costs no locked instruction.
package struct SingleWriterCount: ~Copyable, Sendable {
    private let value = Atomic<Int>(0)

    package init() {}

    package var current: Int { value.load(ordering: .relaxed) }

    package func add(_ count: Int) {
        value.store(value.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }
}

/// One of many, for an array or a dictionary.
final class CountCell: Sendable {
    let count = SingleWriterCount()
}
