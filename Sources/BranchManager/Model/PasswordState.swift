/// Whether frost knows the password of a branch's role.
package enum PasswordState: String, Codable, CaseIterable, Sendable {
    /// It is the one in frost's connection strings.
    case known
    /// The branch still has the old one after a change; it gets the new one before it is routed, or at once if it is
    /// running and no other operation works on it.
    case pending
    /// It was changed in PostgreSQL.
    case unknown
}
