import Foundation
import NIOHTTP1

extension DockerEngine {
    struct Image: Decodable, Sendable {
        struct Settings: Decodable, Sendable {
            var Env: [String]?
            var Cmd: [String]?
        }
        var Id: String
        var Config: Settings?

        /// What containers of it have in a variable.
        func variable(_ name: String) -> String? {
            Config?.Env?.last { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) }
        }
    }

    /// nil when there is no such image on this host.
    ///
    /// - Parameter name: of the letters that ``PostgresImages`` allows, or an id.
    func image(_ name: String) async throws(BranchError) -> Image? {
        let answer = try await check(.GET, "/images/\(name)/json", allowing: [404])
        if answer.status == 404 { return nil }
        do {
            return try JSONDecoder().decode(Image.self, from: answer.body)
        } catch {
            throw .runtime("Docker: unexpected response for the image \(name): \(error)")
        }
    }

    func missingImage(_ name: String) -> BranchError {
        .runtime(
            "the image \(name) does not exist on this host; pull it: \(next: "docker pull \(name)"), or choose another: "
                + "\(hint.command("settings --postgres-image IMAGE"))"
        )
    }
}
