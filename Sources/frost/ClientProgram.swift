import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A PostgreSQL program that replaces the command's process.
enum ClientProgram {
    /// Replaces this process with a program, which keeps the terminal and receives the signals; its exit code counts.
    ///
    /// - Throws: `ExitCode` 127 when it is not installed, 126 when it cannot be started, after printing the reason.
    static func become(_ program: String, _ arguments: [String], _ environment: [String: String]) throws {
        for (name, value) in environment { setenv(name, value, 1) }
        // Signals that this program's libraries ignore or block would stay so in the next one.
        signal(SIGPIPE, SIG_DFL)
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        let words = ([program] + arguments).map { strdup($0) } + [nil]
        execvp(program, words)
        let reason =
            errno == ENOENT ? "it is not installed (Debian: postgresql-client)" : String(cString: strerror(errno))
        ErrorOutput.print("\(program) could not be started: \(reason)")
        throw ExitCode(errno == ENOENT ? 127 : 126)
    }
}
