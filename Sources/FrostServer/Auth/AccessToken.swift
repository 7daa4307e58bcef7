package import BranchManager
import Crypto
import Foundation

/// What the API asks for: 32 random bytes, of which the store keeps a hash. Who has it may do everything.
package enum AccessToken {
    /// The header it comes in.
    static let header = "X-Frost-Token"
    private static let prefix = "frost_"
    private static let length = 32

    /// Makes a token, when there is none.
    ///
    /// - Returns: what is shown once; nil when one was made before.
    package static func makeFirst(in store: BranchStore) throws(BranchError) -> String? {
        try store.accessTokenHash() == nil ? make(in: store) : nil
    }

    /// Makes a token, with which all earlier ones and all logins end.
    package static func make(in store: BranchStore) throws(BranchError) -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let text = Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        let token = prefix + text
        try store.setAccessTokenHash(hash(token))
        return token
    }

    /// Whether a text is the token, in a time that says nothing about how much of it is right.
    static func isRight(_ text: String, in store: BranchStore) throws(BranchError) -> Bool {
        guard let expected = try store.accessTokenHash() else { return false }
        return ConstantTime.areEqual(hash(text), expected)
    }

    /// Of 256 random bits: a hash that takes its time would guard nothing more.
    private static func hash(_ token: String) -> String {
        SHA256.hash(data: Data(token.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0\(digits)" : digits
        }.joined()
    }
}

enum ConstantTime {
    /// Compares texts of equal length byte by byte to their end.
    static func areEqual(_ one: String, _ other: String) -> Bool {
        let (one, other) = (Array(one.utf8), Array(other.utf8))
        guard one.count == other.count else { return false }
        var difference: UInt8 = 0
        for index in one.indices { difference |= one[index] ^ other[index] }
        return difference == 0
    }
}
