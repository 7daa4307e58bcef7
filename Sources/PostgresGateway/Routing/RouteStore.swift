package import Foundation
package import RouteMap
import Synchronization

/// The route table in force. Readers take a snapshot; a new table replaces the old one as a whole.
package final class RouteStore: Sendable {
    private struct State {
        var table: RouteTable
        var loadedAt: Date?
        var fault: RouteMapError?
        /// The file as it was when it was last read.
        var file: FileFingerprint?
    }

    private let state: Mutex<State>

    /// - Parameter table: in force until a route map is read.
    package init(_ table: RouteTable = .empty) {
        state = Mutex(State(table: table))
    }

    package var current: RouteTable {
        state.withLock { $0.table }
    }

    /// When a good route map was last read; nil before the first.
    package var loadedAt: Date? { state.withLock { $0.loadedAt } }

    /// What was wrong with the route map at the last try; nil when it was good.
    package var fault: RouteMapError? { state.withLock { $0.fault } }

    /// Whether the file is another than the one that was last read.
    func isNews(_ file: FileFingerprint) -> Bool {
        state.withLock { $0.file != file }
    }

    func replace(with table: RouteTable, from file: FileFingerprint) {
        state.withLock { $0 = State(table: table, loadedAt: .now, file: file) }
    }

    /// Notes a route map that cannot be used; the table in force stays.
    ///
    /// - Parameter file: nil for one that is to be read again though it has not changed.
    func keepCurrent(becauseOf fault: RouteMapError, in file: FileFingerprint?) {
        state.withLock { state in
            state.fault = fault
            state.file = file
        }
    }
}
