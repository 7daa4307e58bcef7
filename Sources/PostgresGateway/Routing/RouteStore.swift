package import Foundation
package import RouteMap
import Synchronization

/// The current route table. Readers take a snapshot; a new table replaces the old one as a whole.
package final class RouteStore: Sendable {
    private struct State {
        var table: RouteTable
        /// Of the table's confirmation; nil for a table that needs none.
        var period: ConfirmationPeriod?
        var loadedAt: Date?
        var fault: RouteMapError?
        /// The file as it was when it was last read.
        var file: FileFingerprint?
        var isExpiryReported = false

        mutating func confirm(_ confirmation: RouteMapConfirmation?, at now: GatewayClock.Reading) {
            // One that is read again gets no more time than it had.
            guard confirmation != period?.confirmation else { return }
            period = confirmation.map { ConfirmationPeriod($0, readAt: now) }
        }
    }

    private let state: Mutex<State>

    /// - Parameter table: in effect until a route map is read.
    package init(_ table: RouteTable = .empty) {
        state = Mutex(State(table: table))
    }

    package var current: RouteTable {
        state.withLock { $0.table }
    }

    /// The table, unless its writer no longer answers for it.
    func confirmedTable(at now: GatewayClock.Reading) -> RouteTable? {
        state.withLock { $0.period?.isOver(at: now) == true ? nil : $0.table }
    }

    /// When the confirmation of the current table expires; nil if it needs none.
    package var period: ConfirmationPeriod? { state.withLock { $0.period } }

    /// When a good route map that said something new was last read; nil before the first.
    package var loadedAt: Date? { state.withLock { $0.loadedAt } }

    /// The error of the last load; nil if it succeeded.
    package var fault: RouteMapError? { state.withLock { $0.fault } }

    /// Whether the file differs from the one last read.
    func hasChanged(_ file: FileFingerprint) -> Bool {
        state.withLock { $0.file != file }
    }

    /// Replaces the table with a different one.
    func replace(with table: RouteTable, from file: FileFingerprint, at now: GatewayClock.Reading) {
        state.withLock { state in
            state.confirm(table.confirmation, at: now)
            state.table = table
            state.loadedAt = now.wall
            state.fault = nil
            state.file = file
        }
    }

    /// Takes the confirmation from a table with the same routes.
    func confirm(by table: RouteTable, from file: FileFingerprint, at now: GatewayClock.Reading) {
        state.withLock { state in
            state.confirm(table.confirmation, at: now)
            state.fault = nil
            state.file = file
        }
    }

    /// Records an invalid route map; the current table stays in effect.
    ///
    /// - Parameter file: nil for one that is to be read again though it has not changed.
    func keepCurrent(becauseOf fault: RouteMapError, in file: FileFingerprint?) {
        state.withLock { state in
            state.fault = fault
            state.file = file
        }
    }

    enum ConfirmationChange: Hashable, Sendable {
        case expired(ConfirmationPeriod)
        case confirmedAgain
    }

    /// Whether the table has run out, or is confirmed again, since this was last asked.
    func confirmationChange(at now: GatewayClock.Reading) -> ConfirmationChange? {
        state.withLock { state in
            let isOver = state.period?.isOver(at: now) == true
            guard isOver != state.isExpiryReported else { return nil }
            state.isExpiryReported = isOver
            guard isOver, let period = state.period else { return .confirmedAgain }
            return .expired(period)
        }
    }
}
