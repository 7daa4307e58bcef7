package import RouteMap
import Synchronization

/// The route table in force. Readers take a snapshot; a new table replaces the old one as a whole.
package final class RouteStore: Sendable {
    private let table: Mutex<RouteTable>

    package init(_ table: RouteTable = .empty) {
        self.table = Mutex(table)
    }

    package var current: RouteTable {
        table.withLock { $0 }
    }

    package func replace(with table: RouteTable) {
        self.table.withLock { $0 = table }
    }
}
