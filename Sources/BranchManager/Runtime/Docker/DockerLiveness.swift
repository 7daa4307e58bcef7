import Synchronization

/// Whether Docker is available, cached for a moment: of many branches on an engine that hangs, only the first
/// waits, and the others fail at once.
final class DockerLiveness: Sendable {
    private struct Seen {
        var at: ContinuousClock.Instant
        var fault: BranchError?
    }

    private let last = Mutex<Seen?>(nil)

    /// How long a result is cached.
    private static let lifetime = Duration.seconds(5)

    /// - Throws: the current or cached error of `ask`.
    func check(_ ask: () async throws(BranchError) -> Void) async throws(BranchError) {
        if let seen = last.withLock({ $0 }), ContinuousClock.now - seen.at < Self.lifetime {
            if let fault = seen.fault { throw fault }
            return
        }
        do throws(BranchError) {
            try await ask()
            last.withLock { $0 = Seen(at: .now) }
        } catch {
            last.withLock { $0 = Seen(at: .now, fault: error) }
            throw error
        }
    }
}
