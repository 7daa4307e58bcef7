/// A server's condition.
package enum ServerCondition: Hashable, Sendable {
    /// It accepts connections.
    case answering
    /// It is running but does not accept connections yet: after a crash it replays its log, for an unknown time. With
    /// PostgreSQL's progress message.
    case recovering(String)
    case down
}
