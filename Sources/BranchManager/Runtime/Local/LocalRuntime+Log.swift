extension LocalRuntime {
    /// The position is an offset in bytes. A smaller file has been started again.
    package func logHome(_ server: ServerSpec) -> ServerLogHome? { .file(log(server)) }

    package func log(_ server: ServerSpec, after place: ServerLogPart.Place?) async throws(BranchError)
        -> ServerLogPart
    {
        let known = place.flatMap { UInt64($0.text) }
        let part = try await inPlace(server) { directory, account throws(BranchError) -> ServerLogPart in
            let size = directory.size(Self.logName)
            let start = known.map { size < $0 ? 0 : $0 } ?? (size > ServerLogPart.most ? size - ServerLogPart.most : 0)
            let bytes = try directory.end(
                of: Self.logName,
                from: start,
                atMost: ServerLogPart.most,
                owner: account.uid
            )
            // Written in between: leave an incomplete line for the next part.
            let whole = (bytes ?? []).lastIndex(of: UInt8(ascii: "\n")).map { (bytes ?? [])[...$0] } ?? []
            var lines = String(decoding: whole, as: UTF8.self)
            // The first line is usually incomplete.
            if known == nil, start > 0, let first = lines.firstIndex(of: "\n") {
                lines.removeSubrange(...first)
            }
            return ServerLogPart(text: lines, place: .init(text: String(start + UInt64(whole.count))))
        }
        return part ?? ServerLogPart(text: "", place: .init(text: "0"))
    }

    package func query(_ command: String, on server: ServerSpec) async throws(BranchError) -> String {
        try await psql(server, command)
    }
}
