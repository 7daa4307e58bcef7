import Synchronization

/// Ports for branches of a test: others than those of the tests beside it.
package enum HostPorts {
    private static let count = Atomic(0)
    private static let size = 50

    package static func next() -> ClosedRange<Int> {
        let number = count.add(1, ordering: .relaxed).oldValue
        let first = 10_000 + size * (number % 200)
        return first...(first + size - 1)
    }

    /// The same as text, as `FROST_HOST_PORTS` has it.
    package static func nextText() -> String {
        let ports = next()
        return "\(ports.lowerBound)-\(ports.upperBound)"
    }
}
