import NIOCore
import NIOHTTP1

/// Files of a container, whether it runs or not.
extension DockerEngine {
    /// The content of a regular file; nil if there is none. Follows no links.
    ///
    /// - Parameters:
    ///   - path: absolute, of letters that need no escaping in a URL.
    ///   - limit: of its size, in bytes.
    /// - Throws: ``BranchError/runtime(_:)``, also if it is larger.
    func file(_ path: String, in container: String, atMost limit: Int) async throws(BranchError) -> [UInt8]? {
        let answer = try await send(
            .GET,
            "/containers/\(container)/archive?path=\(path)",
            nil,
            atMost: limit + TarArchive.overhead
        )
        if answer.status == 404 { return nil }
        guard answer.isSuccess else { throw .runtime("Docker: \(answer.message)") }
        return TarArchive.firstFile(of: Array(answer.body))
    }

    func exists(_ path: String, in container: String) async throws(BranchError) -> Bool {
        try await send(.HEAD, "/containers/\(container)/archive?path=\(path)", nil).isSuccess
    }

    /// Writes files and directories owned by root into a container, as paths below its root.
    func put(_ entries: [TarArchive.Entry], into container: String) async throws(BranchError) {
        let content = Content(type: "application/x-tar", bytes: ByteBuffer(bytes: TarArchive.archive(entries)))
        let answer = try await send(.PUT, "/containers/\(container)/archive?path=/", content)
        guard answer.isSuccess else { throw .runtime("Docker: \(answer.message)") }
    }
}
