import CProcess
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The first processes of servers that were seen running, held by descriptors: one call asks the kernel of all of them
/// whether they still live, and none is taken for another that has its number by now.
final class ServerProcesses: Sendable {
    /// Most that are held; others are looked for anew each time. Programs often may have 1,024 files open, and no more.
    private static let limit = 512

    /// By the branch's target.
    private let held = Mutex<[String: Int32]>([:])

    deinit {
        held.withLock { for descriptor in $0.values { close(descriptor) } }
    }

    /// Holds a process, if it is what `body` says of it.
    ///
    /// - Parameter body: asked when the process is held already, so that the answer is about that one.
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

    /// Holds the process of a target no longer, since its server was found not to run.
    ///
    /// A process that is killed lets go of its files, by which a server is known, before the kernel says that it is over.
    func release(_ target: String) {
        if let descriptor = held.withLock({ $0.removeValue(forKey: target) }) { close(descriptor) }
    }

    /// Those of some targets whose process still lives. Others are no longer held.
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
