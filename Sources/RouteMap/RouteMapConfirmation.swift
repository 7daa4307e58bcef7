package import Foundation

/// A writer's statement that its route map is correct, with a time limit.
///
/// After it expires, a port may no longer belong to the branch named in the map.
package struct RouteMapConfirmation: Hashable, Sendable {
    package var confirmedAt: Date
    /// In seconds from ``confirmedAt``, one of ``validity``.
    package var validForSeconds: Int

    package init(confirmedAt: Date, validForSeconds: Int) {
        self.confirmedAt = confirmedAt
        self.validForSeconds = validForSeconds
    }

    /// What ``validForSeconds`` may be: up to a day.
    package static let validity = 1...86_400
}
