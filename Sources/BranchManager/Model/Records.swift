package import Foundation
import GRDB

/// A group of databases.
package struct Project: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "project"

    package var id: String
    /// As typed by its owner; unique.
    package var name: String
    package var createdAt: Date
}

/// A database and its branches, which share user, password and database name.
package struct BranchDatabase: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "database"

    package var id: String
    package var projectId: String
    /// Unique in its project.
    package var name: String
    /// The role that owns everything in its servers; with its password.
    package var username: String
    package var password: String
    /// The name of the PostgreSQL database.
    package var databaseName: String
    package var createdAt: Date
    /// Its branches are being deleted one by one; recovery continues this after a crash.
    package var isDeleting = false
}

/// A branch: a whole PostgreSQL server.
package struct BranchTarget: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "target"

    package var id: String
    package var databaseId: String
    /// Unique in its database; `main` is the first.
    package var name: String
    /// The branch it is a copy of; nil for `main` and if that branch was deleted.
    package var sourceTargetId: String?
    package var runtime: RuntimeKind
    /// Unchanged by start, deploy and reset.
    package var hostPort: Int
    package var lifecycleStatus: LifecycleStatus
    /// Why it stopped unexpectedly, or its progress while it recovers.
    package var reason: String?
    /// The hostname for clients; nil without a wildcard base.
    package var hostname: String?
    package var createdAt: Date
    /// PostgreSQL's major version; nil if unknown.
    package var postgresVersion: Int?
    /// Whether frost knows the password of its role.
    package var passwordState: PasswordState = .known
    /// The image of its last container; nil for the runtime `local`, and if unknown.
    package var image: String?

    package var isMain: Bool { name == BranchName.main }
}

/// An operation on a branch, by a user or by frost. Kept after the branch is deleted.
package struct Operation: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "operation"

    package enum Status: String, Codable, CaseIterable, Sendable {
        case running
        case succeeded
        case failed
        /// It was cancelled and undone.
        case cancelled
    }

    package var id: String
    package var targetId: String
    /// `<database>/<branch>` at the time, since the branch may have been deleted. nil in older stores.
    package var targetName: String?
    package var action: BranchAction
    package var status: Status
    /// Its last completed step, used by recovery after a crash.
    package var step: String?
    /// The error, the result of recovery, or what was disabled in a copy.
    package var message: String?
    package var startedAt: Date
    package var finishedAt: Date?
    /// The last failed try of recovery to finish it; for restarts of a server that ended unexpectedly, the last start.
    package var triedAt: Date?
    package var actor: Actor = .user

    /// Who started it.
    package enum Actor: String, Codable, CaseIterable, Sendable {
        case user
        /// Automatic: a server had ended, or a branch had expired.
        case frost
    }

    /// Progress of a copy, if known.
    package var doneBytes: Int?
    package var totalBytes: Int?
    /// Whether a cancel was requested; the process that runs the operation checks this.
    package var isCancelled = false

    package var progress: CopyProgress? {
        guard let doneBytes, let totalBytes else { return nil }
        return CopyProgress(doneBytes: doneBytes, totalBytes: totalBytes)
    }
}

/// For files that also import Foundation, which has its own `Operation`.
package typealias BranchOperation = Operation

/// An action on a branch.
package enum BranchAction: String, Codable, CaseIterable, Sendable {
    case create
    case start
    case stop
    case deploy
    case reset
    case rename
    /// Stopped after its time to live without use.
    case expire
    case delete
}

/// How a branch's server runs.
package enum RuntimeKind: String, Codable, CaseIterable, Sendable {
    /// A process of this host.
    case local
    /// A container of this host's Docker Engine.
    case docker
}
