/// What a runtime needs to know of a branch's server.
package struct ServerSpec: Hashable, Sendable {
    package var targetID: String
    package var targetName: String
    package var databaseID: String
    /// `<database>--<branch>.frost.internal`: what containers of the same network call it.
    package var internalName: String
    package var hostPort: Int
    package var username: String
    package var password: String
    package var databaseName: String
    /// PostgreSQL's major version, as far as it is known: of a new server the one to make it with.
    package var postgresVersion: Int?
    /// The image that its container last was of, of the runtime `docker`.
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
    /// Where a part ends; each runtime has its own measure.
    package struct Place: Hashable, Sendable {
        let text: String
    }

    package var text: String
    package var place: Place

    /// Most of the end of a log that is shown, in bytes.
    static let most: UInt64 = 64 * 1_024
}

/// Where branches' servers live. Every call may be repeated: after a crash nobody knows how far one came.
///
/// All throw ``BranchError/runtime(_:)`` with what the server or the engine said.
package protocol BranchRuntime: Sendable {
    /// Makes an empty server: its role and its database are there when this returns, and it does not run.
    func initialize(_ server: ServerSpec) async throws(BranchError)

    /// Makes a copy of a server's data beside that of `server`, consistent while the source is in use.
    /// ``adoptCopy(_:)`` puts it in place. A copy left from before is replaced.
    ///
    /// A copy has its source's data and goes on with none of its errands (``CopyCleanup``). When the task is cancelled,
    /// the programs that copy are ended.
    ///
    /// - Parameter progress: called now and then, if the progress is known.
    /// - Returns: what was turned off in the copy, a phrase each.
    @discardableResult
    func copy(
        from source: ServerSpec,
        to server: ServerSpec,
        progress: @escaping @Sendable (CopyProgress) -> Void
    ) async throws(BranchError) -> [String]

    /// Puts the copy in place of the server's data, as one step. Nothing happens when there is no copy.
    func adoptCopy(_ server: ServerSpec) async throws(BranchError)

    func discardCopy(_ server: ServerSpec) async throws(BranchError)

    /// Starts the server and waits for a while until it answers. One that is still recovering then goes on with that.
    /// Nothing happens when it answers already.
    ///
    /// - Returns: how it is, never ``ServerCondition/down``.
    @discardableResult
    func start(_ server: ServerSpec) async throws(BranchError) -> ServerCondition

    /// Stops the server, sessions and all. Nothing happens when it does not run.
    func stop(_ server: ServerSpec) async throws(BranchError)

    /// Whether the server runs; it may not answer yet.
    ///
    /// - Throws: when that cannot be determined, such as while an engine is being updated.
    func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool

    /// The target ids of servers that were seen running and are known not to have ended since. Cheap for any number of
    /// servers, since it does not look at each; servers that are missing may be running too.
    func surelyRunning(of servers: [ServerSpec]) -> Set<String>

    /// How the server is now.
    ///
    /// - Throws: when that cannot be determined, such as while an engine is being updated.
    func condition(_ server: ServerSpec) async throws(BranchError) -> ServerCondition

    /// The major version of PostgreSQL that a new server would have.
    ///
    /// - Parameter asked: the one to have; nil for the runtime's own choice.
    /// - Returns: nil where only the server itself can tell.
    /// - Throws: ``BranchError/invalid(_:)`` that says what to do, when this runtime cannot make servers of that version.
    func versionForNewServer(_ asked: Int?) throws(BranchError) -> Int?

    /// Major versions that new servers can have, the newest first; empty where there is no choice.
    func versionsForNewServers() -> [Int]

    /// The major version of PostgreSQL that the server's data needs; nil while unknown.
    func majorVersion(_ server: ServerSpec) async throws(BranchError) -> Int?

    /// What a server that answers keeps in place of its role's password; empty for none, nil if unknown.
    func passwordVerifier(_ server: ServerSpec) async throws(BranchError) -> String?

    /// Runs SQL commands on a server that runs, in its database, as the role that owns it. Needs no password.
    func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError)

    /// Asks a server that runs, as the role that owns its database. Needs no password.
    ///
    /// - Returns: the rows, a line each, with `|` between columns.
    func query(_ command: String, on server: ServerSpec) async throws(BranchError) -> String

    /// Counts the sessions that ``query(_:on:)`` and the like have on servers.
    var ownSessions: OwnSessions { get }

    /// What a server has written to its log.
    ///
    /// - Parameter place: where an earlier part ended; nil for the end of what there is, at most 64 KiB.
    /// - Returns: nothing of a server that has no log now.
    func log(_ server: ServerSpec, after place: ServerLogPart.Place?) async throws(BranchError) -> ServerLogPart

    /// Where ``log(_:after:)`` reads; nil where no log is kept.
    func logHome(_ server: ServerSpec) -> ServerLogHome?

    /// Removes the server's data, which does not run any more.
    func remove(_ server: ServerSpec) async throws(BranchError)

    /// Asks whether servers can be made here now; before anything is registered.
    func checkAvailable() async throws(BranchError)

    /// Asks whether a new server of a major version can be made here now; before anything is registered.
    ///
    /// - Parameter version: as ``versionForNewServer(_:)`` has it.
    /// - Throws: what says what is missing, or ``BranchError/invalid(_:)``.
    func checkCanMake(version: Int?) async throws(BranchError)

    /// The name of the image of a server that runs; nil where servers have none.
    func imageName(_ server: ServerSpec) async throws(BranchError) -> String?

    /// Whether nothing of a server was ever made, or all of it is gone, as this host alone can tell.
    func hasNothing(of server: ServerSpec) -> Bool

    /// What of a server that is forgotten may still be there, and where.
    func leftovers(of server: ServerSpec) -> [String]

    /// Remains of unknown servers that can be found, one sentence each.
    ///
    /// - Parameter known: ids of current and former branches.
    func strangers(knowing known: Set<String>) async -> [String]
}
