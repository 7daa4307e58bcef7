package import Foundation

/// A writer's word that its route map is right, and for how long it holds.
///
/// Once the span is over nobody can say whether a port still belongs to the branch the map gives it to.
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
