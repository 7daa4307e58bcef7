package import BranchManager

/// What the API asks for: a secret, of which the store keeps a hash. Who has it may do everything.
package enum AccessToken {
    /// The header it comes in.
    static let header = "X-Frost-Token"
    private static let prefix = "frost_"

    /// Makes a token, when there is none.
    ///
    /// - Returns: what is shown once; nil when one was made before.
    package static func makeFirst(in store: BranchStore) throws(BranchError) -> String? {
        try store.accessTokenHash() == nil ? make(in: store) : nil
    }

    /// Makes a token, with which all earlier ones and all logins end.
    package static func make(in store: BranchStore) throws(BranchError) -> String {
        let token = prefix + Secret.make()
        try store.setAccessTokenHash(Secret.hash(token))
        return token
    }

    /// Makes a token as ``make(in:)``, unless it cannot be shown to the user.
    package static func make(in store: BranchStore, showing show: (String) throws -> Void) throws {
        let token = prefix + Secret.make()
        try show(token)
        try store.setAccessTokenHash(Secret.hash(token))
    }

    /// Whether a text is the token, in a time that says nothing about how much of it is right.
    static func isRight(_ text: String, in store: BranchStore) throws(BranchError) -> Bool {
        guard let expected = try store.accessTokenHash() else { return false }
        return ConstantTime.areEqual(Secret.hash(text), expected)
    }
}
