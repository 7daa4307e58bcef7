import Crypto
import Foundation

/// What PostgreSQL keeps in place of a password (`pg_authid.rolpassword`).
///
/// Mirrors `scram_build_secret` and `scram_verify_plain_password` of PostgreSQL's scram-common.c and auth-scram.c.
/// Passwords are taken as they are, without SASLprep: those that frost makes are ASCII, which it leaves alone.
enum PasswordVerifier {
    /// As PostgreSQL has it by default (`scram_iterations`).
    private static let iterations = 4_096
    /// Beyond it a verifier is not checked: its number comes from a tenant, and each costs time.
    private static let maximumIterations = 200_000
    private static let saltLength = 16

    /// A verifier to give a role, so that the password itself is in no log of the server.
    static func make(_ password: String) -> String {
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<saltLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let keys = keys(password, salt: salt, iterations: iterations)
        return "SCRAM-SHA-256$\(iterations):\(Data(salt).base64EncodedString())"
            + "$\(keys.stored.base64EncodedString()):\(keys.server.base64EncodedString())"
    }

    /// Whether a verifier is of a password.
    ///
    /// - Parameter username: part of an MD5 verifier.
    static func matches(_ verifier: String, password: String, username: String) -> Bool {
        if verifier.hasPrefix("md5") {
            let digest = Insecure.MD5.hash(data: Data((password + username).utf8))
            return verifier.dropFirst(3)
                == digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        // SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>
        let parts = verifier.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "SCRAM-SHA-256" else { return false }
        let cost = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        let secrets = parts[2].split(separator: ":", omittingEmptySubsequences: false)
        guard cost.count == 2, secrets.count == 2, let iterations = Int(cost[0]),
            (1...maximumIterations).contains(iterations), let salt = Data(base64Encoded: String(cost[1])),
            let stored = Data(base64Encoded: String(secrets[0]))
        else { return false }
        return keys(password, salt: Array(salt), iterations: iterations).stored == stored
    }

    /// RFC 5802, section 3.
    private static func keys(_ password: String, salt: [UInt8], iterations: Int) -> (stored: Data, server: Data) {
        let key = SymmetricKey(data: Data(password.utf8))
        var block = Data(HMAC<SHA256>.authenticationCode(for: Data(salt) + Data([0, 0, 0, 1]), using: key))
        var salted = Array(block)
        for _ in 1..<max(iterations, 1) where iterations > 1 {
            block = Data(HMAC<SHA256>.authenticationCode(for: block, using: key))
            for (index, byte) in block.enumerated() { salted[index] ^= byte }
        }
        let saltedKey = SymmetricKey(data: Data(salted))
        let client = Data(HMAC<SHA256>.authenticationCode(for: Data("Client Key".utf8), using: saltedKey))
        let server = Data(HMAC<SHA256>.authenticationCode(for: Data("Server Key".utf8), using: saltedKey))
        return (Data(SHA256.hash(data: client)), server)
    }
}
