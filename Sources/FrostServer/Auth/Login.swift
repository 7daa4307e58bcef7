import BranchManager
import Foundation

/// A browser's login with the token: 32 random bytes in a cookie, of which the store keeps a hash. It survives a
/// restart of frost, and ends with the logout, with the token, or after a week.
enum Login {
    static let cookie = "frost_session"
    /// In seconds: a week.
    static let lifetime = 7 * 24 * 3_600

    /// - Returns: the cookie's value; nil for a text that is not the token.
    static func begin(with token: String, in store: BranchStore, at now: Date = .now) throws(BranchError) -> String? {
        guard try AccessToken.isRight(token, in: store) else { return nil }
        return try begin(in: store, at: now)
    }

    /// For a browser that was authorized in another way.
    static func begin(in store: BranchStore, at now: Date = .now) throws(BranchError) -> String {
        let value = Secret.make()
        try store.addLogin(Secret.hash(value), from: now, to: now.addingTimeInterval(TimeInterval(lifetime)))
        return value
    }

    /// Whether a login is valid. Looks up its hash, so the time taken reveals nothing about the value.
    static func isRight(_ value: String, in store: BranchStore, at now: Date = .now) throws(BranchError) -> Bool {
        try store.hasLogin(Secret.hash(value), at: now)
    }

    /// Whether a login has ended because the token was changed.
    static func hasEndedWithToken(_ value: String, in store: BranchStore) throws(BranchError) -> Bool {
        try store.hasEndedWithToken(Secret.hash(value))
    }

    static func end(_ value: String, in store: BranchStore) throws(BranchError) {
        try store.endLogin(Secret.hash(value))
    }
}
