import CProcess
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Descriptors (pidfd) of the main processes of running servers: one call checks whether all of them are alive, and a
/// reused process number cannot be mistaken for one of them.
final class ServerProcesses: Sendable {
    /// Limit of held descriptors; other processes are looked up each time. The usual limit of open files is 1,024.
    private static let limit = 512

    /// By the branch's target.
    private let held = Mutex<[String: Int32]>([:])

    deinit {
        held.withLock { for descriptor in $0.values { close(descriptor) } }
    }

    /// Holds a process, if `body` confirms it.
    ///
    /// - Parameter body: called after the process is held, so that it checks the same process.
    func hold(_ pid: Int32, of target: String, if body: () throws(BranchError) -> Bool) throws(BranchError) -> Bool {
        let descriptor = frost_process_descriptor(pid)
        guard descriptor >= 0 else { return try body() }
        let isServer: Bool
        do throws(BranchError) { isServer = try body() } catch {
            close(descriptor)
            throw error
        }
        let unwanted = held.withLock { held in
            guard isServer, held[target] != nil || held.count < Self.limit else { return Int32?.some(descriptor) }
            return held.updateValue(descriptor, forKey: target)
        }
        if let unwanted { close(unwanted) }
        return isServer
    }

    /// Releases the process of a target whose server was found not to run.
    ///
    /// A killed process gives up its working directory, which identifies a server, before its descriptor reports the exit.
    func release(_ target: String) {
        if let descriptor = held.withLock({ $0.removeValue(forKey: target) }) { close(descriptor) }
    }

    /// The targets whose process is alive. Releases the others.
    func living(of targets: Set<String>) -> Set<String> {
        held.withLock { held in
            let entries = Array(held)
            var polled = entries.map { pollfd(fd: $0.value, events: Int16(POLLIN), revents: 0) }
            // If that cannot be determined, report none.
            let isKnown = polled.isEmpty || poll(&polled, nfds_t(polled.count), 0) >= 0
            var living: Set<String> = []
            for (entry, answer) in zip(entries, polled) {
                if isKnown, answer.revents == 0, targets.contains(entry.key) {
                    living.insert(entry.key)
                } else {
                    close(entry.value)
                    held[entry.key] = nil
                }
            }
            return living
        }
    }
}
