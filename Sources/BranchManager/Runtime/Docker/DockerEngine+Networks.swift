import Foundation
import NIOHTTP1

extension DockerEngine {
    private struct Network: Decodable {
        var Id: String
        var Created: String
    }

    /// Creates a network, if there is none of this name.
    ///
    /// Engines before 25 allow concurrent creation of several networks with one name. All processes then agree on the
    /// oldest, and remove the others that they created.
    ///
    /// - Returns: its id, since a name may be ambiguous for a moment.
    func makeNetwork(_ name: String) async throws(BranchError) -> String {
        struct Creation: Encodable {
            var Name: String
            var CheckDuplicate = true
            var Labels = ["frost.managed": "true"]
        }
        struct Created: Decodable { var Id: String }
        if let id = try await oldestNetwork(name) { return id }
        // 409: another process has just created it.
        let answer = try await check(.POST, "/networks/create", body: Creation(Name: name), allowing: [409])
        guard let oldest = try await oldestNetwork(name) else {
            throw .runtime("Docker: the network \(name) was created but does not exist")
        }
        if answer.isSuccess, let made = try? JSONDecoder().decode(Created.self, from: answer.body).Id, oldest != made {
            _ = try await request(.DELETE, "/networks/\(made)")
        }
        return oldest
    }

    private func oldestNetwork(_ name: String) async throws(BranchError) -> String? {
        let answer = try await check(.GET, "/networks?filters=%7B%22name%22%3A%5B%22%5E\(name)%24%22%5D%7D")
        do {
            return try JSONDecoder().decode([Network].self, from: answer.body).min {
                ($0.Created, $0.Id) < ($1.Created, $1.Id)
            }?.Id
        } catch {
            throw .runtime("Docker: unexpected response for networks: \(error)")
        }
    }
}
