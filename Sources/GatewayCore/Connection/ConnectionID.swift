/// The number of a connection, unique while the gateway runs.
package struct ConnectionID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(number: UInt64) {
        self.number = number
    }

    package var description: String { String(number) }
}
