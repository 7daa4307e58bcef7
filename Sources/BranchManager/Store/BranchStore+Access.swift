package import Foundation
import GRDB

/// Access to the API: hashes of the token, and of browsers' logins.
extension BranchStore {
    /// Hash of the API's token; nil until one is created.
    package func accessTokenHash() throws(BranchError) -> String? {
        try read { db in try Self.setting(.accessTokenHash, in: db) }
    }

    /// The number of logins remembered as ended by a new token, to inform their browsers.
    private static let maximumEndedLogins = 100

    /// Sets a new token; all logins end with the old one.
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

    /// Whether a login ended because of a new token; false for old logins.
    package func hasEndedWithToken(_ hash: String) throws(BranchError) -> Bool {
        try read { db in try Self.endedLogins(db).contains(hash) }
    }

    private static func endedLogins(_ db: Database) throws -> [String] {
        (try setting(.endedLogins, in: db) ?? "").split(separator: ",").map(String.init)
    }

    /// Starts a login, and forgets expired ones.
    package func addLogin(_ hash: String, from start: Date, to end: Date) throws(BranchError) {
        try write { db in
            try db.execute(sql: "DELETE FROM login WHERE endsAt <= ?", arguments: [start])
            try db.execute(sql: "INSERT INTO login (hash, endsAt) VALUES (?, ?)", arguments: [hash, end])
        }
    }

    /// Whether a login is valid at a time.
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
