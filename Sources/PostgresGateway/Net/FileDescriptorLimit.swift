#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// How many files this process may have open (getrlimit(2), RLIMIT_NOFILE).
package enum FileDescriptorLimit {
    /// Beside the two sockets of each session: connections in start-up, listeners, logs, files that are read.
    static let reserve = 256

    /// The descriptors needed for a number of connections.
    package static func needed(forConnections connections: Int) -> Int { 2 * connections + reserve }

    /// Raises the soft limit as far as the hard one allows, as servers do.
    ///
    /// - Returns: the resulting limit.
    package static func raise() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
