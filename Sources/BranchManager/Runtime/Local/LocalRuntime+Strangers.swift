extension LocalRuntime {
    package func leftovers(of server: ServerSpec) -> [String] {
        ["the server on port \(server.hostPort), if it runs", "the files in \(place(server))"]
    }

    package func strangers(knowing known: Set<String>) async -> [String] {
        BranchData.ids(in: directory).subtracting(known).sorted().map { id in
            let place = "\(directory)/\(id)"
            let server =
                ((try? account(ofPlace: place)) ?? account).processes(in: "\(place)/data").min().map {
                    ", where a server runs (process \($0))"
                } ?? ""
            return "unknown to the store: \(place)\(server); leaving it unchanged"
        }
    }
}
