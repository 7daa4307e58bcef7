import Crypto
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Frost's own way into its servers: a Unix socket for each, and who may come in by it.
///
/// Peer authentication needs no password, so one that a user changes does not lock frost out. The rules lie outside of
/// the data directory, in files of this process's user: under root, a superuser of a branch can read and not edit them.
struct ServerAccess: Sendable {
    /// `<directory>/<target id>` has the rules of a branch's server.
    private let directory: String
    /// `<sockets>/<target id>` has its socket; beside the rules, unless that path is too long for one.
    private let sockets: String

    /// Longest path of a Unix socket, in bytes (`sun_path` of sockaddr_un without its end).
    private static let maximumPath = 107
    private static let longestName =
        "/\(Identifier.target.rawValue)_\(String(repeating: "x", count: Identifier.length))"
    private static let longestSocket = "/s/.s.PGSQL.65535"

    /// - Parameter directory: made when a server starts; below what only this process's user can change.
    init(directory: String) {
        self.directory = directory
        let longest = directory + Self.longestName + Self.longestSocket
        if longest.utf8.count <= Self.maximumPath {
            sockets = directory
        } else {
            let digest = SHA256.hash(data: Data(directory.utf8)).prefix(6).map {
                String(UInt16($0) + 256, radix: 16).dropFirst()
            }
            sockets = geteuid() == 0 ? "/run/frost-\(digest.joined())" : "/tmp/frost-\(geteuid())-\(digest.joined())"
        }
    }

    func socketDirectory(_ server: ServerSpec) -> String { "\(sockets)/\(server.targetID)/s" }

    /// Whom its socket lets in: the account that the directory belongs to.
    func owner(_ server: ServerSpec) -> uid_t? {
        var status = stat()
        return lstat(socketDirectory(server), &status) == 0 ? status.st_uid : nil
    }

    /// Whether the server that runs was started with it; one of an earlier frost was not.
    func isThere(_ server: ServerSpec) -> Bool {
        var status = stat()
        return lstat("\(socketDirectory(server))/.s.PGSQL.\(server.hostPort)", &status) == 0
            && status.st_mode & S_IFMT == S_IFSOCK
    }

    /// Writes the rules of a server that is about to start.
    ///
    /// - Parameter rules: lines of `pg_hba.conf` for everybody who comes over TCP.
    /// - Returns: settings for the server's command line.
    /// - Throws: ``BranchError/runtime(_:)``.
    func prepare(
        _ server: ServerSpec,
        rules: String,
        account: ServerAccount
    ) throws(BranchError) -> [(name: String, value: String)] {
        let place = "\(directory)/\(server.targetID)"
        for path in Set([directory, place, sockets, "\(sockets)/\(server.targetID)"]).sorted() {
            try Self.makeOwnDirectory(path)
        }
        try account.makeDirectory(socketDirectory(server))
        let role = "\"\(server.username.replacing("\"", with: "\"\""))\""
        try Self.write(
            """
            # Written by frost at each start of the server; changes here are lost.
            # Frost itself connects over its socket. The branch's own pg_hba.conf controls all other connections.
            local all,replication all peer map=frost
            \(rules)

            """,
            to: "\(place)/pg_hba.conf"
        )
        try Self.write("frost \"\(try account.name())\" \(role)\n", to: "\(place)/pg_ident.conf")
        return [
            ("hba_file", "\(place)/pg_hba.conf"), ("ident_file", "\(place)/pg_ident.conf"),
            // A list: a comma in it would end the name.
            ("unix_socket_directories", "\"\(socketDirectory(server))\""), ("unix_socket_permissions", "0700"),
            // Not one that its account is not in.
            ("unix_socket_group", ""),
        ]
    }

    /// Removes what a server that is gone has left of its socket: the number in its lock file may be another process's by
    /// now, which PostgreSQL would take for the server.
    func clear(_ server: ServerSpec, account: ServerAccount) async throws(BranchError) {
        try await account.check(
            "/bin/sh",
            ["-c", "rm -rf -- \"$1\"/.s.PGSQL.*", "sh", socketDirectory(server)]
        )
    }

    /// The lines of a `pg_hba.conf` that are about TCP. Versions before 16 cannot include a file from another.
    static func networkRules(_ text: String) -> String {
        var rules: [Substring] = []
        var isContinued = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let word = line.drop { $0 == " " || $0 == "\t" }.prefix { $0.isLetter }
            if isContinued || word.hasPrefix("host") { rules.append(line) }
            // A line ends in a backslash when the next one belongs to it (PostgreSQL 14 and newer).
            isContinued = line.hasSuffix("\\") && (isContinued || word.hasPrefix("host"))
        }
        return rules.joined(separator: "\n")
    }

    func remove(_ server: ServerSpec, account: ServerAccount) async throws(BranchError) {
        for base in Set([directory, sockets]) {
            let place = "\(base)/\(server.targetID)"
            // One level, of names known: what the account has put beside its socket stays in the way of nobody.
            for name in ["pg_hba.conf", "pg_ident.conf"] { unlink("\(place)/\(name)") }
            let socket = "\(place)/s"
            var status = stat()
            if lstat(socket, &status) == 0 {
                try await account.check("/bin/sh", ["-c", "cd -- \"$1\" && rm -rf -- .[!.]* *", "sh", socket])
                rmdir(socket)
            }
            if rmdir(place) != 0, errno != ENOENT { throw Self.failure("remove", place) }
        }
    }

    /// - Throws: when it is there and somebody else could change it, as in `/tmp`.
    private static func makeOwnDirectory(_ path: String) throws(BranchError) {
        if mkdir(path, 0o711) == 0 { chmod(path, 0o711) } else if errno != EEXIST { throw failure("make", path) }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw failure("look at", path) }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw .runtime("\(path) is not a directory that only frost can change; remove it")
        }
    }

    /// In one step, so that a server that reads its rules again meanwhile finds whole ones.
    private static func write(_ text: String, to path: String) throws(BranchError) {
        let part = "\(path).new"
        unlink(part)
        let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("write", part) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        // Whatever the umask is, the server's account has to read it; there is no secret in it.
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fchmod(descriptor, 0o644) == 0,
            rename(part, path) == 0
        else { throw failure("write", path) }
    }

    private static func failure(_ what: String, _ path: String) -> BranchError {
        .runtime("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
