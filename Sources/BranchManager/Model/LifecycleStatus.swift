/// The lifecycle status of a branch. Those in `-ing` belong to a running operation.
package enum LifecycleStatus: String, Codable, CaseIterable, Sendable {
    case creating
    case active
    case starting
    /// Its server does not accept connections yet, and no action is needed: PostgreSQL replays its log, or ended soon
    /// after its last starts and will be restarted. No operation is running.
    case recovering
    case stopping
    case stopped
    /// Stopped after its time to live without use; will be deleted unless it is started.
    case expired
    case deploying
    case resetting
    case deleting

    /// A branch's state in the route map.
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

    /// Whether no operation is running or interrupted.
    package var isSettled: Bool { self == .active || self == .stopped || self == .expired }

    /// Whether an action can start in this status, if no other is running.
    ///
    /// A no-op, such as the start of an active branch, is allowed.
    package func allows(_ action: BranchAction) -> Bool {
        switch (self, action) {
        case (_, .create): false
        case (.active, _), (.stopped, _), (.expired, _), (.recovering, _): true
        // After a crash without recovery, only removing it is safe.
        case (_, .delete): true
        default: false
        }
    }
}
