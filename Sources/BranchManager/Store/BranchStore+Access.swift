package import Foundation
import GRDB

/// Who may use the API: hashes of the token, and of what browsers have that logged in with it.
extension BranchStore {
    /// Of the token that the API asks for; nil until one was made.
    package func accessTokenHash() throws(BranchError) -> String? {
        try read { db in try Self.setting(.accessTokenHash, in: db) }
    }

    /// Logins that are remembered as ended by another token, to tell their browsers.
    private static let maximumEndedLogins = 100

    /// Sets another token; all logins end with the one before.
    package func setAccessTokenHash(_ hash: String) throws(BranchError) {
        try write { db in
            try Self.set(.accessTokenHash, to: hash, in: db)
            let ended = try String.fetchAll(
                db,
                sql: "SELECT hash FROM login ORDER BY endsAt DESC LIMIT ?",
                arguments: [Self.maximumEndedLogins]
            )
            let before = try Self.endedLogins(db)
            let all = (ended + before).prefix(Self.maximumEndedLogins).joined(separator: ",")
            try Self.set(.endedLogins, to: all.isEmpty ? nil : all, in: db)
            try db.execute(sql: "DELETE FROM login")
        }
    }

    /// Whether a login has ended because another token was set; false for one of long ago.
    package func hasEndedWithToken(_ hash: String) throws(BranchError) -> Bool {
        try read { db in try Self.endedLogins(db).contains(hash) }
    }

    private static func endedLogins(_ db: Database) throws -> [String] {
        (try setting(.endedLogins, in: db) ?? "").split(separator: ",").map(String.init)
    }

    /// Begins a login, and forgets those that have ended.
    package func addLogin(_ hash: String, from start: Date, to end: Date) throws(BranchError) {
        try write { db in
            try db.execute(sql: "DELETE FROM login WHERE endsAt <= ?", arguments: [start])
            try db.execute(sql: "INSERT INTO login (hash, endsAt) VALUES (?, ?)", arguments: [hash, end])
        }
    }

    /// Whether a login goes on at a time.
    package func hasLogin(_ hash: String, at time: Date) throws(BranchError) -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql: "SELECT EXISTS (SELECT 1 FROM login WHERE hash = ? AND endsAt > ?)",
                arguments: [hash, time]
            ) ?? false
        }
    }

    package func endLogin(_ hash: String) throws(BranchError) {
        try write { db in try db.execute(sql: "DELETE FROM login WHERE hash = ?", arguments: [hash]) }
    }
}
