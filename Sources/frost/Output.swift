import BranchManager
import Foundation
import FrostServer
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The output of commands: tables for users, JSON for programs.
enum Output {
    /// Whether output that would block is dropped: a slow reader of `frost up` must not delay its branches.
    private static let drops = Mutex(false)

    static func dropWhatWaits() { drops.withLock { $0 = true } }

    /// Writes a text without the buffer of `print`.
    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        let drops = drops.withLock { $0 }
        while !rest.isEmpty {
            var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            // A writable pipe accepts at least this much at once (PIPE_BUF).
            if drops, poll(&writable, 1, 0) != 1 { return }
            let count = rest.prefix(4_096).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// - Throws: when the output cannot be written: a full disk, or a closed pipe.
    static func flush() throws(BranchError) {
        guard fflush(nil) == 0 else {
            throw .store("could not write the output: \(String(cString: strerror(errno)))")
        }
    }

    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// Names with their values, below each other.
    static func list(_ rows: [[String]]) {
        let width = rows.map { $0[0].count }.max() ?? 0
        for row in rows {
            print("\(row[0].padding(toLength: width, withPad: " ", startingAt: 0))  \(row[1])")
        }
    }

    static func table(_ header: [String], _ rows: [[String]]) {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        for row in [header] + rows {
            let cells = zip(row, widths).map { $0.padding(toLength: max($1, $0.count), withPad: " ", startingAt: 0) }
            print(cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
        }
    }
}

/// A former hostname that still works.
struct ShownAlias: Encodable {
    var hostname: String
    var endsAt: Date
}

/// A branch as commands show it; without its password.
struct ShownBranch: Encodable {
    var id: String
    var project: String
    var database: String
    var databaseId: String
    var name: String
    /// The branch it is a copy of, by id.
    @OrNull var sourceTargetId: String?
    /// Its lifecycle status, as on the page and in the API.
    var status: String
    @OrNull var reason: String?
    @OrNull var hostname: String?
    /// Former hostnames that still work.
    var aliases: [ShownAlias]
    var hostPort: Int
    var createdAt: Date
    @OrNull var postgresVersion: Int?
    /// known, pending or unknown.
    var passwordState: String
    /// Time without use after which it expires, as `7d`.
    @OrNull var ttl: String?
    @OrNull var lastUsedAt: Date?
    @OrNull var expiresAt: Date?
    /// Of one that has expired.
    @OrNull var deletesAt: Date?
    /// As in the API; only for commands that query the gateway.
    @OrNull var externalWarning: String?
    /// The same in words.
    @OrNull var warning: String?

    init(_ branch: BranchDetails, _ look: GatewayLook? = nil) {
        externalWarning = look?.warning.rawValue
        warning = look?.text
        id = branch.target.id
        project = branch.project.name
        database = branch.database.name
        databaseId = branch.database.id
        name = branch.target.name
        sourceTargetId = branch.target.sourceTargetId
        status = branch.target.lifecycleStatus.rawValue
        reason = branch.target.reason
        hostname = branch.target.hostname
        aliases = branch.aliases.map { ShownAlias(hostname: $0.hostname, endsAt: $0.endsAt) }
        hostPort = branch.target.hostPort
        createdAt = branch.target.createdAt
        postgresVersion = branch.target.postgresVersion
        passwordState = branch.target.passwordState.rawValue
        ttl = branch.expiry?.ttl?.short
        lastUsedAt = branch.expiry?.lastUsedAt
        expiresAt = branch.expiresAt
        deletesAt = branch.deletesAt
    }

    var row: [String] {
        [
            project, database, name, statusText, hostname ?? "-", String(hostPort),
            postgresVersion.map(String.init) ?? "-",
        ]
    }

    private var statusText: String {
        if let deletesAt { return "\(status) (deleted \(deletesAt.formatted(.iso8601.year().month().day())))" }
        return reason.map { "\(status) (\(Self.short($0)))" } ?? status
    }

    /// Shortened; the branch's log and JSON have all of it.
    private static func short(_ reason: String) -> String {
        reason.count <= 60 ? reason : "\(reason.prefix(60))…"
    }

    static let header = ["PROJECT", "DATABASE", "BRANCH", "STATUS", "HOSTNAME", "HOST PORT", "POSTGRESQL"]

    static func show(_ branches: [BranchDetails], json: Bool) throws {
        let shown = branches.map { ShownBranch($0) }
        if json { try Output.json(shown) } else { Output.table(header, shown.map(\.row)) }
    }

    /// Prints the result, and warnings that keep clients from connecting.
    static func show(_ branch: BranchDetails, _ did: String, _ context: FrostContext, json: Bool) async throws {
        let look = try await GatewayLook.warning(for: branch, context.store, in: context.directory)
        if json { try Output.json(ShownBranch(branch, look)) } else { print("\(branch.displayName) \(did)") }
        look?.show()
        if let warning = branch.target.passwordWarning(context.options.hint) { ErrorOutput.print("note: \(warning)") }
    }
}
