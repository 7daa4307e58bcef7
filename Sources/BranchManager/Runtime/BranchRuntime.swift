/// A runtime's description of a branch's server.
package struct ServerSpec: Hashable, Sendable {
    package var targetID: String
    package var targetName: String
    package var databaseID: String
    /// `<database>--<branch>.frost.internal`: its name for containers on the same network.
    package var internalName: String
    package var hostPort: Int
    package var username: String
    package var password: String
    package var databaseName: String
    /// PostgreSQL's major version, if known; for a new server, the version to use.
    package var postgresVersion: Int?
    /// The image of its last container, for the runtime `docker`.
    package var image: String?

    package init(_ details: BranchDetails) {
        targetID = details.target.id
        targetName = details.target.name
        databaseID = details.database.id
        internalName = "\(details.database.name)--\(details.target.name).frost.internal"
        hostPort = details.target.hostPort
        username = details.database.username
        password = details.database.password
        databaseName = details.database.databaseName
        postgresVersion = details.target.postgresVersion
        image = details.target.image
    }
}

/// A part of a server's log: whole lines.
package struct ServerLogPart: Hashable, Sendable {
    /// The position of its end, in the runtime's own unit.
    package struct Place: Hashable, Sendable {
        let text: String
    }

    package var text: String
    package var place: Place

    /// Limit of the end of a log, in bytes.
    static let most: UInt64 = 64 * 1_024
}

/// Runs branches' servers. Every call may be repeated, since its progress is unknown after a crash.
///
/// All throw ``BranchError/runtime(_:)`` with the message of the server or the engine.
package protocol BranchRuntime: Sendable {
    /// Creates an empty server, which has its role and database but is not running when this returns.
    func initialize(_ server: ServerSpec) async throws(BranchError)

    /// Copies a server's data beside that of `server`, consistently while the source is in use.
    /// ``adoptCopy(_:)`` puts it in place. Replaces an earlier copy.
    ///
    /// A copy does not continue its source's background work (``CopyCleanup``). Cancelling the task ends the copying
    /// programs.
    ///
    /// - Parameter progress: called now and then, if the progress is known.
    /// - Returns: what was disabled in the copy, one phrase each.
    @discardableResult
    func copy(
        from source: ServerSpec,
        to server: ServerSpec,
        progress: @escaping @Sendable (CopyProgress) -> Void
    ) async throws(BranchError) -> [String]

    /// Replaces the server's data by the copy, atomically. Does nothing if there is no copy.
    func adoptCopy(_ server: ServerSpec) async throws(BranchError)

    func discardCopy(_ server: ServerSpec) async throws(BranchError)

    /// Starts the server and waits a while until it answers. A recovering server continues after that. Does nothing if
    /// the server already answers.
    ///
    /// - Returns: its condition, never ``ServerCondition/down``.
    @discardableResult
    func start(_ server: ServerSpec) async throws(BranchError) -> ServerCondition

    /// Stops the server and its sessions. Does nothing if it is not running.
    func stop(_ server: ServerSpec) async throws(BranchError)

    /// Whether the server is running; it may not answer yet.
    ///
    /// - Throws: when that cannot be determined, such as while an engine is being updated.
    func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool

    /// The target ids of servers that were seen running and are known not to have ended since. Cheap for any number of
    /// servers, since it does not look at each; servers that are missing may be running too.
    func surelyRunning(of servers: [ServerSpec]) -> Set<String>

    /// The server's current condition.
    ///
    /// - Throws: when that cannot be determined, such as while an engine is being updated.
    func condition(_ server: ServerSpec) async throws(BranchError) -> ServerCondition

    /// The major version of PostgreSQL for a new server.
    ///
    /// - Parameter asked: the requested version; nil for the runtime's default.
    /// - Returns: nil if only the server itself can determine it.
    /// - Throws: ``BranchError/invalid(_:)`` with a fix, if this runtime cannot create servers of that version.
    func versionForNewServer(_ asked: Int?) throws(BranchError) -> Int?

    /// Major versions for new servers, newest first; empty if there is no choice.
    func versionsForNewServers() -> [Int]

    /// The major version of PostgreSQL that the server's data needs; nil while unknown.
    func majorVersion(_ server: ServerSpec) async throws(BranchError) -> Int?

    /// The password verifier of the role on a running server; empty for none, nil if unknown.
    func passwordVerifier(_ server: ServerSpec) async throws(BranchError) -> String?

    /// Runs SQL commands on a running server, in its database, as its owner. Needs no password.
    func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError)

    /// Queries a running server, as the owner of its database. Needs no password.
    ///
    /// - Returns: the rows, one line each, with `|` between columns.
    func query(_ command: String, on server: ServerSpec) async throws(BranchError) -> String

    /// Counts the runtime's own sessions on servers, such as those of ``query(_:on:)``.
    var ownSessions: OwnSessions { get }

    /// A part of a server's log.
    ///
    /// - Parameter place: the end of an earlier part; nil for the end of the log, at most 64 KiB.
    /// - Returns: an empty part if the server has no log now.
    func log(_ server: ServerSpec, after place: ServerLogPart.Place?) async throws(BranchError) -> ServerLogPart

    /// The source of ``log(_:after:)``; nil if no log is kept.
    func logHome(_ server: ServerSpec) -> ServerLogHome?

    /// Removes the data of a stopped server.
    func remove(_ server: ServerSpec) async throws(BranchError)

    /// Checks whether servers can be created here now, before anything is registered.
    func checkAvailable() async throws(BranchError)

    /// Checks whether a new server of a major version can be created here now, before anything is registered.
    ///
    /// - Parameter version: from ``versionForNewServer(_:)``.
    /// - Throws: an error that names the missing requirement, or ``BranchError/invalid(_:)``.
    func checkCanMake(version: Int?) async throws(BranchError)

    /// The name of a running server's image; nil if servers have none.
    func imageName(_ server: ServerSpec) async throws(BranchError) -> String?

    /// Whether this host has no traces of a server, without asking an engine.
    func hasNothing(of server: ServerSpec) -> Bool

    /// What may be left of a forgotten server, and where.
    func leftovers(of server: ServerSpec) -> [String]

    /// Remains of unknown servers that can be found, one sentence each.
    ///
    /// - Parameter known: ids of current and former branches.
    func strangers(knowing known: Set<String>) async -> [String]
}
