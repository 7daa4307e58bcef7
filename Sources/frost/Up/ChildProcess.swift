import BranchManager
import CProcess
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A child process that runs as long as this process.
///
/// A dedicated thread sleeps until it ends. swift-subprocess would wake up once a second for each child, which costs an
/// idle host power.
final class ChildProcess: Sendable {
    enum End: Hashable, Sendable, CustomStringConvertible {
        case exited(Int32)
        /// By a signal of this number.
        case signaled(Int32)

        /// - Parameter status: from waitpid(2), of a process that has ended.
        init(status: Int32) {
            let signal = status & 0x7f
            self = signal == 0 ? .exited(status >> 8 & 0xff) : .signaled(signal)
        }

        var description: String {
            switch self {
            case .exited(let code): "exited(\(code))"
            case .signaled(let number): "signaled(\(number))"
            }
        }
    }

    let pid: Int32
    /// After the wait, its number may belong to another process.
    private let isGone = Mutex(false)

    private init(pid: Int32) { self.pid = pid }

    /// Starts a program in its own process group, because Ctrl-C is for this process. It inherits standard output and
    /// error, but no input, no other descriptors, and no ignored or blocked signals.
    ///
    /// - Parameters:
    ///   - command: a path, or a name to look up in `PATH`, and arguments.
    ///   - environment: its whole environment.
    /// - Throws: ``BranchError/runtime(_:)`` when it cannot be started.
    static func start(_ command: [String], environment: [String: String]) throws(BranchError) -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        frost_close_descriptors(&actions, STDERR_FILENO + 1)
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        // This process ignores the signals that it listens for.
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
        )
        var arguments = command.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        let fault = posix_spawnp(&pid, command[0], &actions, &attributes, &arguments, &variables)
        guard fault == 0 else { throw .runtime("could not run \(command[0]): \(String(cString: strerror(fault)))") }
        return ChildProcess(pid: pid)
    }

    /// Returns when it has ended. Call it once.
    func end() async -> End {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: self.wait()) }
        }
    }

    private func wait() -> End {
        var state = siginfo_t()
        while waitid(P_PID, id_t(pid), &state, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return isGone.withLock { isGone in
            isGone = true
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            return End(status: status)
        }
    }

    /// Does nothing if it has ended.
    func signal(_ number: Int32) {
        isGone.withLock { if !$0 { kill(pid, number) } }
    }
}
