extension BranchRuntime {
    /// Like ``copy(from:to:progress:)``, without progress.
    @discardableResult
    package func copy(from source: ServerSpec, to server: ServerSpec) async throws(BranchError) -> [String] {
        try await copy(from: source, to: server) { _ in }
    }

    package func checkAvailable() async throws(BranchError) {}

    package func checkCanMake(version: Int?) async throws(BranchError) { try await checkAvailable() }

    package func query(_ command: String, on server: ServerSpec) async throws(BranchError) -> String {
        throw .runtime("this server cannot be queried")
    }

    package func log(_ server: ServerSpec, after place: ServerLogPart.Place?) async throws(BranchError)
        -> ServerLogPart
    {
        ServerLogPart(text: "", place: place ?? ServerLogPart.Place(text: ""))
    }

    package func logHome(_ server: ServerSpec) -> ServerLogHome? { nil }

    package func imageName(_ server: ServerSpec) async throws(BranchError) -> String? { nil }

    package func surelyRunning(of servers: [ServerSpec]) -> Set<String> { [] }

    package func hasNothing(of server: ServerSpec) -> Bool { false }

    package func leftovers(of server: ServerSpec) -> [String] { [] }

    package func strangers(knowing known: Set<String>) async -> [String] { [] }
}
