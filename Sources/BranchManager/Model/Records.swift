package import Foundation
import GRDB

/// What databases are grouped by.
package struct Project: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "project"

    package var id: String
    /// As its owner wrote it; unique.
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
    /// The role that owns everything in its servers, and its password.
    package var username: String
    package var password: String
    /// The name of the PostgreSQL database.
    package var databaseName: String
    package var createdAt: Date
    /// Its branches are being deleted, one after the other; recovery goes on with it.
    package var isDeleting = false
}

/// A branch: a whole PostgreSQL server.
package struct BranchTarget: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "target"

    package var id: String
    package var databaseId: String
    /// Unique in its database; `main` is the first.
    package var name: String
    /// The branch it is a copy of; nil for `main` and when that branch is gone.
    package var sourceTargetId: String?
    package var runtime: RuntimeKind
    /// Kept over start, deploy and reset.
    package var hostPort: Int
    package var lifecycleStatus: LifecycleStatus
    /// Why it is stopped, when nobody stopped it; how far it is, while it recovers.
    package var reason: String?
    /// The name clients reach it by; nil until there is a wildcard base.
    package var hostname: String?
    package var createdAt: Date
    /// PostgreSQL's major version; nil as long as nobody knows.
    package var postgresVersion: Int?
    /// Whether frost knows the password of its role.
    package var passwordState: PasswordState = .known
    /// The image that its container last was of; nil of the runtime `local`, and as long as nobody knows.
    package var image: String?

    package var isMain: Bool { name == BranchName.main }
}

/// What was done with a branch, by whom it was asked or by recovery. Kept when the branch is gone.
package struct Operation: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "operation"

    package enum Status: String, Codable, CaseIterable, Sendable {
        case running
        case succeeded
        case failed
        /// Somebody has asked for its end, and it has undone what it did.
        case cancelled
    }

    package var id: String
    package var targetId: String
    /// `<database>/<branch>` as it was called then: the branch may be gone. nil for those of older stores.
    package var targetName: String?
    package var action: BranchAction
    package var status: Status
    /// How far it has come: what recovery goes by after a crash.
    package var step: String?
    /// What went wrong, what recovery did, or what was turned off in a copy.
    package var message: String?
    package var startedAt: Date
    package var finishedAt: Date?
    /// When recovery last tried to bring it to an end and could not; of starts of a server that had ended by itself, when
    /// it was last started.
    package var triedAt: Date?
    package var actor: Actor = .user

    /// Who began it.
    package enum Actor: String, Codable, CaseIterable, Sendable {
        case user
        /// Nobody has asked for it: a server had ended, or a branch's time was over.
        case frost
    }

    /// How much of a copy is done, as far as it is known.
    package var doneBytes: Int?
    package var totalBytes: Int?
    /// Whether a cancel was requested; the process that runs the operation checks this.
    package var isCancelled = false

    package var progress: CopyProgress? {
        guard let doneBytes, let totalBytes else { return nil }
        return CopyProgress(doneBytes: doneBytes, totalBytes: totalBytes)
    }
}

/// For those who import Foundation too, which has an `Operation` of its own.
package typealias BranchOperation = Operation

/// What can be done with a branch.
package enum BranchAction: String, Codable, CaseIterable, Sendable {
    case create
    case start
    case stop
    case deploy
    case reset
    case rename
    /// Stopped because nobody has used it for its time to live.
    case expire
    case delete
}

/// Where a branch's server runs.
package enum RuntimeKind: String, Codable, CaseIterable, Sendable {
    /// A process of this host.
    case local
    /// A container of this host's Docker Engine.
    case docker
}
