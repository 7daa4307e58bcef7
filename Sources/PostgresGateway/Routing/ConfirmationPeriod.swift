package import Foundation
import NIOCore
package import RouteMap

/// How long the gateway believes a writer's confirmation.
///
/// It is over as soon as one of two clocks says so, since to refuse for a while does less harm than to
/// lead astray: the wall clock, in which the writer speaks, and the one that is never set, so that a
/// wall clock that is set back gives no more time. A confirmation from the future, made before the wall
/// clock was set back, counts from when it was first read.
package struct ConfirmationPeriod: Hashable, Sendable {
    package let confirmation: RouteMapConfirmation
    /// When it is over by the wall clock.
    package let end: Date
    private let uptimeEnd: NIODeadline

    /// - Parameter reading: when the confirmation was first read.
    package init(_ confirmation: RouteMapConfirmation, readAt reading: GatewayClock.Reading) {
        self.confirmation = confirmation
        end = min(confirmation.confirmedAt, reading.wall).addingTimeInterval(Double(confirmation.validForSeconds))
        // At most what the map may ask for, so the sum is far from any limit.
        let left = max(0, end.timeIntervalSince(reading.wall))
        uptimeEnd = reading.uptime + .milliseconds(Int64(left * 1_000))
    }

    package func isOver(at reading: GatewayClock.Reading) -> Bool {
        reading.wall >= end || reading.uptime >= uptimeEnd
    }
}
