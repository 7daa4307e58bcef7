import ArgumentParser

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A program of PostgreSQL's that a command ends as.
enum ClientProgram {
    /// Puts a program in this one's place: its terminal, its signals and its exit code are its own.
    ///
    /// - Throws: `ExitCode` 127 when it is not installed, 126 when it cannot be started, after printing the reason.
    static func become(_ program: String, _ arguments: [String], _ environment: [String: String]) throws {
        for (name, value) in environment { setenv(name, value, 1) }
        // What this program's libraries ignore or hold back would be so in the next one.
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
