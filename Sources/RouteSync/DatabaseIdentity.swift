import BranchManager
import Foundation

/// The identity of SQLite's files of a database: if one changes, the content may have changed.
struct DatabaseIdentity: Equatable {
    private let database: FileIdentity?
    private let log: FileIdentity?

    init(_ path: String) {
        database = FileIdentity(path)
        log = FileIdentity("\(path)-wal")
    }

    func isSettled(at now: Date) -> Bool {
        database?.isSettled(at: now) ?? true && log?.isSettled(at: now) ?? true
    }
}
