import Synchronization

/// A yes or no that threads share.
package final class LockedFlag: Sendable {
    private let value = Atomic(false)

    package init() {}

    package func get() -> Bool { value.load(ordering: .acquiring) }

    package func set() { value.store(true, ordering: .releasing) }
}
