import Crypto
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Frost's own access to its servers: a Unix socket for each, with its rules.
///
/// Peer authentication needs no password, so a changed password does not lock frost out. The rules are outside of the
/// data directory, in files of this process's user: under root, a superuser of a branch can read but not edit them.
struct ServerAccess: Sendable {
    /// `<directory>/<target id>` contains the rules of a branch's server.
    private let directory: String
    /// `<sockets>/<target id>` contains its socket; beside the rules, unless that path is too long.
    private let sockets: String

    /// Longest path of a Unix socket, in bytes (`sun_path` of sockaddr_un without its end).
    private static let maximumPath = 107
    private static let longestName =
        "/\(Identifier.target.rawValue)_\(String(repeating: "x", count: Identifier.length))"
    private static let longestSocket = "/s/.s.PGSQL.65535"

    /// - Parameter directory: created when a server starts; only this process's user can change its parents.
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

    /// The account that the socket accepts: the owner of the directory.
    func owner(_ server: ServerSpec) -> uid_t? {
        var status = stat()
        return lstat(socketDirectory(server), &status) == 0 ? status.st_uid : nil
    }

    /// Whether the running server was started with it, unlike one of an earlier frost.
    func isThere(_ server: ServerSpec) -> Bool {
        var status = stat()
        return lstat("\(socketDirectory(server))/.s.PGSQL.\(server.hostPort)", &status) == 0
            && status.st_mode & S_IFMT == S_IFSOCK
    }

    /// Writes the rules of a server before its start.
    ///
    /// - Parameter rules: lines of `pg_hba.conf` for TCP connections.
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
            // Not a group that its account is not a member of.
            ("unix_socket_group", ""),
        ]
    }

    /// Removes the socket files of a server that has ended: the number in its lock file may now belong to another
    /// process, which PostgreSQL would mistake for the server.
    func clear(_ server: ServerSpec, account: ServerAccount) async throws(BranchError) {
        try await account.check(
            "/bin/sh",
            ["-c", "rm -rf -- \"$1\"/.s.PGSQL.*", "sh", socketDirectory(server)]
        )
    }

    /// The lines of a `pg_hba.conf` for TCP. Versions before 16 cannot include other files.
    static func networkRules(_ text: String) -> String {
        var rules: [Substring] = []
        var isContinued = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let word = line.drop { $0 == " " || $0 == "\t" }.prefix { $0.isLetter }
            if isContinued || word.hasPrefix("host") { rules.append(line) }
            // A final backslash continues a line (PostgreSQL 14 and newer).
            isContinued = line.hasSuffix("\\") && (isContinued || word.hasPrefix("host"))
        }
        return rules.joined(separator: "\n")
    }

    func remove(_ server: ServerSpec, account: ServerAccount) async throws(BranchError) {
        for base in Set([directory, sockets]) {
            let place = "\(base)/\(server.targetID)"
            // One level of known names: other files of the account beside its socket do no harm.
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

    /// - Throws: if it exists and another user could change it, as in `/tmp`.
    private static func makeOwnDirectory(_ path: String) throws(BranchError) {
        if mkdir(path, 0o711) == 0 { chmod(path, 0o711) } else if errno != EEXIST { throw failure("make", path) }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw failure("look at", path) }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw .runtime("\(path) is not a directory that only frost can change; remove it")
        }
    }

    /// Atomically, so that a server that reloads its rules finds complete ones.
    private static func write(_ text: String, to path: String) throws(BranchError) {
        let part = "\(path).new"
        unlink(part)
        let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("write", part) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        // Independent of the umask, the server's account must be able to read it; it contains no secrets.
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fchmod(descriptor, 0o644) == 0,
            rename(part, path) == 0
        else { throw failure("write", path) }
    }

    private static func failure(_ what: String, _ path: String) -> BranchError {
        .runtime("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
