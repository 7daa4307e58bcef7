extension BranchRuntime {
    package func checkAvailable() async throws(BranchError) {}

    package func hasNothing(of server: ServerSpec) -> Bool { false }

    package func leftovers(of server: ServerSpec) -> [String] { [] }

    package func strangers(knowing known: Set<String>) async -> [String] { [] }
}
