import Foundation
import Subprocess
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The account of the local runtime's servers and files: this process's user, or another one if that is root, which
/// PostgreSQL refuses.
struct ServerAccount: Sendable {
    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// nil for this process's user.
    let owner: FileOwner?

    /// For new branches if this process is root: the first of these that exists.
    static let users = ["frost-postgres", "postgres"]

    /// - Throws: ``BranchError/invalid(_:)`` if this process is root and there is no such user.
    init(users: [String]) throws(BranchError) {
        guard geteuid() == 0 else {
            owner = nil
            return
        }
        for user in users {
            guard let entry = getpwnam(user), entry.pointee.pw_uid != 0 else { continue }
            owner = FileOwner(uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid)
            return
        }
        let user = users.first ?? "postgres"
        throw .invalid(
            "PostgreSQL cannot run as root, and there is no user \(users.map { "'\($0)'" }.joined(separator: " or ")) "
                + "to run it as: adduser --system --group \(user)"
        )
    }

    init(owner: FileOwner?) { self.owner = owner }

    /// The owner of this account's files.
    var uid: uid_t { owner?.uid ?? geteuid() }

    /// Its name for PostgreSQL's peer authentication.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` if it has none.
    func name() throws(BranchError) -> String {
        guard let entry = getpwuid(uid) else {
            throw .invalid(
                "the user \(uid) has no name, which PostgreSQL needs; add one: adduser --system --uid \(uid) NAME"
            )
        }
        return String(cString: entry.pointee.pw_name)
    }

    /// The prefix of a command that runs as this account, without supplementary groups.
    var command: [String] {
        guard let owner else { return [] }
        return ["setpriv", "--reuid=\(owner.uid)", "--regid=\(owner.gid)", "--clear-groups", "--inh-caps=-all", "--"]
    }

    /// Runs a program as this user; it must succeed.
    ///
    /// - Parameters:
    ///   - target: of the branch whose files it creates, if they are useless after this process has ended;
    ///     ``endTools(of:)`` then finds the program.
    ///   - outer: the prefix of the whole command, still as this process's user.
    ///   - progress: called for each progress line (``CopyProgress``).
    /// - Returns: its standard output.
    /// - Throws: ``BranchError/runtime(_:)`` with the end of its output, also when the task is cancelled, which ends
    ///   the program.
    @discardableResult
    func check(
        _ program: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        toolOf target: String? = nil,
        within outer: [String] = [],
        progress: (CopyProgress) -> Void = { _ in }
    ) async throws(BranchError) -> String {
        let command = outer + command + [program] + arguments
        // Servers keep their environment, which the owner of a branch can read: pass nothing of the operator's,
        // and no variable that libpq would use.
        var variables = ["PATH": Self.path, "LANG": "C.UTF-8", "TZ": "UTC"]
        variables.merge(environment) { _, new in new }
        if let target { variables[Self.toolVariable] = target }
        let environment = Dictionary(
            uniqueKeysWithValues: variables.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
        )
        var platform = PlatformOptions()
        // Ctrl-C is for this process, which finishes running operations.
        platform.processGroupID = 0
        // Including its children.
        platform.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.teardown)
        ]
        do {
            let result = try await Subprocess.run(
                command[0].contains("/") ? .path(FilePath(command[0])) : .name(command[0]),
                arguments: Arguments(Array(command.dropFirst())),
                environment: .custom(environment),
                // The servers keep running, and must not inherit our descriptors.
                workingDirectory: "/",
                platformOptions: platform,
                input: .none,
                output: .string(limit: 1_024 * 1_024),
                error: .sequence
            ) { execution in
                var said = ToolOutput()
                for try await buffer in execution.standardError {
                    if let told = buffer.withUnsafeBytes({ said.append($0) }) { progress(told) }
                }
                said.end()
                return said.complaints
            }
            guard result.terminationStatus.isSuccess else {
                let printed = result.standardOutput.split(separator: "\n").suffix(4).map(String.init)
                let text = (result.closureResult.isEmpty ? printed : result.closureResult).joined(separator: "; ")
                throw BranchError.runtime(
                    "\((program as NSString).lastPathComponent): \(text.isEmpty ? "\(result.terminationStatus)" : text)"
                )
            }
            return result.standardOutput
        } catch let error as BranchError {
            throw error
        } catch {
            throw .runtime("could not run \(program): \(error)")
        }
    }

    /// Time limit for a terminated program to end.
    private static let teardown = Duration.seconds(5)

    /// The variable that identifies programs that create the files of a branch.
    private static let toolVariable = "FROST_TOOL_OF"
    /// Time limit for a killed program to end, in tries 50 ms apart: ten seconds.
    private static let tries = 200
    /// How long processes of a crashed server have to notice the crash: three seconds.
    private static let graceTries = 60

    /// Ends programs left by a killed frost process that still work on a branch's files.
    func endTools(of target: String) async throws(BranchError) {
        let mark = Data("\(Self.toolVariable)=\(target)\0".utf8)
        for _ in 0..<Self.tries {
            let tools = Self.processes().filter { number in
                number != getpid()
                    && (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(number)/environ")))?.range(of: mark) != nil
            }
            if tools.isEmpty { return }
            for tool in tools { kill(tool, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(50))
        }
        throw .runtime("a program left by an earlier frost is still working on \(target) and does not end")
    }

    /// Ends the remaining processes of a crashed server: busy backends would keep writing until their query ends. They
    /// get a moment to notice by themselves.
    ///
    /// - Parameter data: of a server whose main process is gone.
    func endOrphans(in data: String) async throws(BranchError) {
        for attempt in 0..<Self.tries {
            var orphans: [Int32] = []
            for number in Self.processes() where try worksIn(data, number) { orphans.append(number) }
            if orphans.isEmpty { return }
            if attempt >= Self.graceTries { for orphan in orphans { kill(orphan, SIGKILL) } }
            try? await Task.sleep(for: .milliseconds(50))
        }
        throw .runtime("processes of a crashed server are still running in \(data)")
    }

    /// Whether a process of this account has a directory as its working directory, like a server's processes.
    ///
    /// Compares the directory itself, not its name, so that a link in its place cannot name another's server.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` when the directory of a process of this user cannot be determined.
    func worksIn(_ place: String, _ pid: Int32) throws(BranchError) -> Bool {
        var (directory, process, working) = (stat(), stat(), stat())
        guard lstat(place, &directory) == 0, stat("/proc/\(pid)", &process) == 0, process.st_uid == uid else {
            return false
        }
        guard stat("/proc/\(pid)/cwd", &working) == 0 else {
            let fault = errno
            // Gone meanwhile.
            guard fault != ENOENT, fault != ESRCH, stat("/proc/\(pid)", &process) == 0, process.st_uid == uid else {
                return false
            }
            throw .runtime(
                "cannot determine the working directory of process \(pid): \(String(cString: strerror(fault))); "
                    + "frost needs CAP_SYS_PTRACE to run servers as another user"
            )
        }
        return working.st_dev == directory.st_dev && working.st_ino == directory.st_ino
    }

    /// The processes known to work in a place.
    func processes(in place: String) -> [Int32] {
        Self.processes().filter { (try? worksIn(place, $0)) == true }
    }

    private static func processes() -> [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    /// Creates a directory owned by this account. An existing one keeps its owner, unless that is root, because of a
    /// crash before the change of the owner.
    ///
    /// - Parameter path: in a directory owned by this process.
    func makeDirectory(_ path: String) throws(BranchError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw HeldDirectory.failure("make", path) }
        guard let owner else { return }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw HeldDirectory.failure("open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw HeldDirectory.failure("look at", path) }
        guard status.st_uid != 0 || fchown(descriptor, owner.uid, owner.gid) == 0 else {
            throw HeldDirectory.failure("give away", path)
        }
    }
}
