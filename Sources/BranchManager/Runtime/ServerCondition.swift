/// How a server is, as it says itself.
package enum ServerCondition: Hashable, Sendable {
    /// It takes connections.
    case answering
    /// It runs and takes no connections yet: after a crash it replays its log, which takes as long as it takes.
    /// With what PostgreSQL says of its progress.
    case recovering(String)
    case down
}
