/// Where a branch is in its life. The ones in `-ing` belong to an operation that is under way.
package enum LifecycleStatus: String, Codable, CaseIterable, Sendable {
    case creating
    case active
    case starting
    /// Its server takes no connections yet, and nobody has to do anything: PostgreSQL replays its log, or has ended soon
    /// after its last starts and is started again in a while. No operation is under way.
    case recovering
    case stopping
    case stopped
    /// Stopped because nobody has used it for its time to live; it is deleted in a while unless somebody starts it.
    case expired
    case deploying
    case resetting
    case deleting

    /// How a branch stands in the route map.
    package enum Routing: Hashable, Sendable {
        case active
        case stopped
        /// In neither list.
        case absent
    }

    package var routing: Routing {
        switch self {
        case .active: .active
        case .starting, .recovering, .stopping, .stopped, .expired, .deploying, .resetting: .stopped
        case .creating, .deleting: .absent
        }
    }

    /// Whether no operation is under way or was left half done.
    package var isSettled: Bool { self == .active || self == .stopped || self == .expired }

    /// Whether an action may begin in this status, when no other is under way.
    ///
    /// What is asked for and already so (start of an active branch) is allowed and does nothing.
    package func allows(_ action: BranchAction) -> Bool {
        switch (self, action) {
        case (_, .create): false
        case (.active, _), (.stopped, _), (.expired, _), (.recovering, _): true
        // Left behind by a crash that recovery has not dealt with: only removing it is safe.
        case (_, .delete): true
        default: false
        }
    }
}
