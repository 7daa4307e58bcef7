/// Whether frost knows the password of a branch's role.
package enum PasswordState: String, Codable, CaseIterable, Sendable {
    /// It is the one that frost hands out.
    case known
    /// The branch still has the one from before a change; it gets the new one before it is routed, or at once
    /// when it runs and no other operation works on it.
    case pending
    /// Somebody has changed it in PostgreSQL.
    case unknown
}
