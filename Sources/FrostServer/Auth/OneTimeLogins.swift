package import Foundation
import Synchronization

/// Links that log a browser in once, printed on the terminal of `frost up`. Kept in memory only.
package final class OneTimeLogins: Sendable {
    /// In seconds: ten minutes.
    static let lifetime: TimeInterval = 600
    package static let path = "/login/once"

    /// Hashes of unused secrets, with their expiry.
    private let open = Mutex<[String: Date]>([:])

    package init() {}

    /// - Returns: the path of a link, to be appended to the page's address.
    package func make(at now: Date = .now) -> String {
        let secret = Secret.make()
        open.withLock { $0[Secret.hash(secret)] = now.addingTimeInterval(Self.lifetime) }
        return "\(Self.path)/\(secret)"
    }

    /// Whether a secret belongs to a link; uses the link up.
    func use(_ secret: String, at now: Date = .now) -> Bool {
        open.withLock { open in
            open = open.filter { $0.value > now }
            return open.removeValue(forKey: Secret.hash(secret)) != nil
        }
    }
}
