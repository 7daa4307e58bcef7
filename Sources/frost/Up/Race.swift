enum Race {
    /// Runs some until one of them ends; then the others are cancelled, and waited for.
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
                // That it was cancelled is no fault.
                if case .failure(let error) = result, !(error is CancellationError) { fault = result }
            }
            return fault
        }
    }
}
