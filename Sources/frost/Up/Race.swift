enum Race {
    /// Runs several tasks until one of them ends, then cancels the others and waits for them.
    static func run(_ bodies: [@Sendable () async throws -> Void]) async -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { group in
            for body in bodies {
                group.addTask {
                    do { return .success(try await body()) } catch { return .failure(error) }
                }
            }
            let ended = await group.next() ?? .success(())
            group.cancelAll()
            var fault = ended
            for await result in group {
                // Cancellation is not an error.
                if case .failure(let error) = result, !(error is CancellationError) { fault = result }
            }
            return fault
        }
    }
}
