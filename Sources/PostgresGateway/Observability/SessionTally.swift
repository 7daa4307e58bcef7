import Synchronization

/// A session's counters, written by its own event loop and read by any thread.
///
/// One writer, so that plain loads and stores do, and the relay pays for no locked instruction.
final class SessionTally: Sendable {
    private let received = Atomic<Int>(0)
    private let sent = Atomic<Int>(0)
    private let process = Atomic<UInt64>(0)

    /// From the client to the backend, in bytes.
    var bytesIn: Int { received.load(ordering: .relaxed) }
    /// From the backend to the client, in bytes.
    var bytesOut: Int { sent.load(ordering: .relaxed) }
    /// The backend's process id, as `pg_stat_activity` has it; nil until the server has sent it.
    var processID: UInt32? {
        let known = process.load(ordering: .relaxed)
        return known == 0 ? nil : UInt32(truncatingIfNeeded: known)
    }

    func addBytesIn(_ count: Int) { received.store(bytesIn &+ count, ordering: .relaxed) }
    func addBytesOut(_ count: Int) { sent.store(bytesOut &+ count, ordering: .relaxed) }
    /// Keeps the first one that the server sends.
    func setProcessID(_ id: UInt32) { process.store(1 << 32 | UInt64(id), ordering: .relaxed) }
}
