import Foundation
import NIOHTTP1

/// What the host knows about containers without access to the engine.
extension DockerRuntime {
    package func checkAvailable() async throws(BranchError) { try await engine.checkPresence() }

    /// A branch's directory is created before its first container and removed after its last.
    package func hasNothing(of server: ServerSpec) -> Bool { !FileManager.default.fileExists(atPath: place(server)) }

    package func leftovers(of server: ServerSpec) -> [String] {
        ["the container \(Self.containerName(server.targetID)), if there is one", "the files in \(place(server))"]
    }

    package func strangers(knowing known: Set<String>) async -> [String] {
        let containers = (try? await engine.containers(mounting: directory)) ?? [:]
        let ids = BranchData.ids(in: directory).union(containers.keys)
        return ids.subtracting(known).sorted().map { id in
            let container = containers[id].map { ", and the container \($0)" } ?? ""
            return "unknown to the store: \(directory)/\(id)\(container); leaving it unchanged"
        }
    }
}

extension DockerEngine {
    /// - Throws: ``BranchError/runtime(_:)`` with a fix if there is no engine.
    func checkPresence() async throws(BranchError) {
        // Any short request will do: each first checks that the engine is available.
        _ = try await request(.GET, "/_ping", timeout: lookTimeout)
    }

    private struct Listed: Decodable {
        struct Mount: Decodable { var Source: String? }
        var Names: [String]
        var Labels: [String: String]?
        var Mounts: [Mount]?
    }

    /// Names of frost's containers with files in a directory, by branch id.
    func containers(mounting directory: String) async throws(BranchError) -> [String: String] {
        let answer = try await check(
            .GET,
            "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22frost.managed%3Dtrue%22%5D%7D",
            timeout: lookTimeout
        )
        let all: [Listed]
        do {
            all = try JSONDecoder().decode([Listed].self, from: answer.body)
        } catch {
            throw .runtime("Docker: cannot read its list of containers: \(error)")
        }
        var names: [String: String] = [:]
        for one in all where one.Mounts?.contains(where: { $0.Source?.hasPrefix("\(directory)/") == true }) == true {
            if let id = one.Labels?["frost.target.id"] { names[id] = one.Names.first?.trimmingPrefix("/").description }
        }
        return names
    }
}
