package import Foundation
package import NIOCore

/// The two clocks of the host. A value, so that a test can say what time it is.
package struct GatewayClock: Sendable {
    /// Both at one moment.
    package struct Reading: Hashable, Sendable {
        /// Of the calendar: it may be set forward and back while the gateway runs.
        package var wall: Date
        /// Since the host came up: never set.
        package var uptime: NIODeadline

        package init(wall: Date, uptime: NIODeadline) {
            self.wall = wall
            self.uptime = uptime
        }
    }

    private let read: @Sendable () -> Reading

    package init(_ read: @escaping @Sendable () -> Reading) {
        self.read = read
    }

    package static let system = GatewayClock { Reading(wall: .now, uptime: .now()) }

    package var now: Reading { read() }
}
