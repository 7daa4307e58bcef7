import Foundation
import Subprocess
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Whom the local runtime's servers run as, and their files belong to: this process's user, or another
/// when that is root, which PostgreSQL refuses.
struct ServerAccount: Sendable {
    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// nil for whom this process runs as.
    let owner: FileOwner?

    /// Of new branches, where this process is root: the first of these that the host has.
    static let users = ["frost-postgres", "postgres"]

    /// - Throws: ``BranchError/invalid(_:)`` when this process is root and there is no such user.
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

    /// Whom the files of this account belong to.
    var uid: uid_t { owner?.uid ?? geteuid() }

    /// Its name, as PostgreSQL learns it of who connects (peer authentication).
    ///
    /// - Throws: ``BranchError/invalid(_:)`` when it has none.
    func name() throws(BranchError) -> String {
        guard let entry = getpwuid(uid) else {
            throw .invalid(
                "the user \(uid) has no name, which PostgreSQL needs; add one: adduser --system --uid \(uid) NAME"
            )
        }
        return String(cString: entry.pointee.pw_name)
    }

    /// What runs a program as this account: with none of the groups that the host lets it have.
    var command: [String] {
        guard let owner else { return [] }
        return ["setpriv", "--reuid=\(owner.uid)", "--regid=\(owner.gid)", "--clear-groups", "--inh-caps=-all", "--"]
    }

    /// Runs a program as this user, which has to succeed.
    ///
    /// - Parameters:
    ///   - target: of the branch whose files it makes, when it is of no use to anybody once this
    ///     process is gone; ``endTools(of:)`` then finds it.
    ///   - outer: the beginning of a command that runs all this, still as this process's user.
    ///   - progress: called when it says how far it is (``CopyProgress``).
    /// - Returns: its standard output.
    /// - Throws: ``BranchError/runtime(_:)`` with the end of what it printed; also when the task is cancelled, which ends
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
        // Ctrl-C is for us, who bring what is under way to an end.
        platform.processGroupID = 0
        // With those that it has started.
        platform.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: Self.teardown)
        ]
        do {
            let result = try await Subprocess.run(
                command[0].contains("/") ? .path(FilePath(command[0])) : .name(command[0]),
                arguments: Arguments(Array(command.dropFirst())),
                environment: .custom(environment),
                // The servers themselves are left running: nothing of ours may be held open by them.
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

    /// How long a program may take to end that is not wanted any more.
    private static let teardown = Duration.seconds(5)

    /// By which the programs are known that make the files of a branch.
    private static let toolVariable = "FROST_TOOL_OF"
    /// How long a killed program may take to be gone, in tries 50 ms apart: ten seconds.
    private static let tries = 200
    /// How long those of a server that fell over have to notice it: three seconds.
    private static let graceTries = 60

    /// Ends programs that an earlier process has left at work on a branch's files, when it was killed.
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

    /// Ends what a server has left behind that fell over: backends that were busy go on writing for as long as
    /// their query takes. They get a moment to notice by themselves.
    ///
    /// - Parameter data: of a server whose first process is gone.
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

    /// Whether a process of this account has a place as its working directory, as a server's processes have.
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

    /// Makes a directory of this account's. One that is there stays whose it is, unless it is root's: a crash came
    /// before it was given away.
    ///
    /// - Parameter path: in a directory of this process's own.
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
