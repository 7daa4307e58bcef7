package import BranchManager

/// The secret of the API, of which the store keeps a hash. It gives full access.
package enum AccessToken {
    /// Its request header.
    static let header = "X-Frost-Token"
    private static let prefix = "frost_"

    /// Creates a token if there is none.
    ///
    /// - Returns: the token, to be shown once; nil if one already exists.
    package static func makeFirst(in store: BranchStore) throws(BranchError) -> String? {
        try store.accessTokenHash() == nil ? make(in: store) : nil
    }

    /// Creates a token, and ends all earlier tokens and logins.
    package static func make(in store: BranchStore) throws(BranchError) -> String {
        let token = prefix + Secret.make()
        try store.setAccessTokenHash(Secret.hash(token))
        return token
    }

    /// Creates a token like ``make(in:)``, unless it cannot be shown to the user.
    package static func make(in store: BranchStore, showing show: (String) throws -> Void) throws {
        let token = prefix + Secret.make()
        try show(token)
        try store.setAccessTokenHash(Secret.hash(token))
    }

    /// Compares a text with the token in constant time.
    static func isRight(_ text: String, in store: BranchStore) throws(BranchError) -> Bool {
        guard let expected = try store.accessTokenHash() else { return false }
        return ConstantTime.areEqual(Secret.hash(text), expected)
    }
}
