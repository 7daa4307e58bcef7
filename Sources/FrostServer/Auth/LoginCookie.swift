import BranchManager
import Crypto
import Foundation

/// What a browser keeps after a login with the token: when it ends, signed with a key that the token's hash
/// gives. So it outlives a restart of frost, and ends with the token.
enum LoginCookie {
    static let name = "frost_session"
    /// In seconds: a week.
    static let lifetime = 7 * 24 * 3_600

    static func make(in store: BranchStore, at now: Date = .now) throws(BranchError) -> String? {
        guard let key = try key(store) else { return nil }
        let end = String(Int(now.timeIntervalSince1970) + lifetime)
        let nonce = UUID().uuidString
        return "\(end).\(nonce).\(signature("\(end).\(nonce)", key))"
    }

    static func isRight(_ value: String, in store: BranchStore, at now: Date = .now) throws(BranchError) -> Bool {
        let parts = value.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let end = Int(parts[0]), let key = try key(store),
            ConstantTime.areEqual(signature("\(parts[0]).\(parts[1])", key), parts[2])
        else { return false }
        return Int(now.timeIntervalSince1970) < end
    }

    private static func key(_ store: BranchStore) throws(BranchError) -> SymmetricKey? {
        try store.accessTokenHash().map { SymmetricKey(data: Data("frost login \($0)".utf8)) }
    }

    private static func signature(_ text: String, _ key: SymmetricKey) -> String {
        Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
