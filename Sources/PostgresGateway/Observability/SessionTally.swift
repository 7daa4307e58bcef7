import GatewayHardening
import Synchronization

/// A session's counters, written by its own event loop and read by any thread.
///
/// The one place where a session's bytes are counted: `/sessions`, the log and the metrics read it.
final class SessionTally: Sendable {
    private let received = SingleWriterCount()
    private let sent = SingleWriterCount()
    private let process = Atomic<UInt64>(0)

    /// From the client to the backend, in bytes.
    var bytesIn: Int { received.current }
    /// From the backend to the client, in bytes.
    var bytesOut: Int { sent.current }
    /// The backend's process id, as `pg_stat_activity` has it; nil until the server has sent it.
    var processID: UInt32? {
        let known = process.load(ordering: .relaxed)
        return known == 0 ? nil : UInt32(truncatingIfNeeded: known)
    }

    func addBytesIn(_ count: Int) { received.add(count) }
    func addBytesOut(_ count: Int) { sent.add(count) }
    /// Keeps the first one that the server sends.
    func setProcessID(_ id: UInt32) { process.store(1 << 32 | UInt64(id), ordering: .relaxed) }
}
