import BranchManager
import Foundation

/// The files in which SQLite keeps a database: with either another, it may say something else.
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
