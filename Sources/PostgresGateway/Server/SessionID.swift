/// The number of a connection, unique while the gateway runs.
package struct SessionID: Hashable, Sendable, CustomStringConvertible {
    let number: UInt64

    package init(number: UInt64) {
        self.number = number
    }

    package var description: String { String(number) }
}
