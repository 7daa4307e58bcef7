/// Waits until something is so that comes about elsewhere: on other threads, or in other processes.
///
/// The limit is long, since the machines that tests run on are busy; it is only met by what never comes.
/// - Parameter what: for the failure; what is waited for.
/// - Throws: ``Command/Failure`` when the limit is over, or what the condition throws.
package func eventually(
    _ what: String,
    within limit: Duration = .seconds(120),
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Command.Failure("not within \(limit): \(what)") }
        // A yield alone would take the processor from those that are waited for, and this thread may be one of theirs.
        try await Task.sleep(for: .milliseconds(10))
    }
}
