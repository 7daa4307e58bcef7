/// What a program writes to its standard error, as it comes: lines that tell how far it is, and the last of the others,
/// which say what went wrong.
struct ToolOutput {
    /// The last lines that tell no progress.
    private(set) var complaints: [String] = []
    private var line: [UInt8] = []

    /// Lines that are kept.
    private static let most = 4
    /// Longest part of a line that is kept, in bytes.
    private static let longest = 4_096

    /// - Returns: how far it is, where these bytes say so.
    mutating func append(_ bytes: some Sequence<UInt8>) -> CopyProgress? {
        var progress: CopyProgress?
        for byte in bytes {
            // One that writes to a terminal returns to the start of the line.
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                if line.count < Self.longest { line.append(byte) }
                continue
            }
            progress = endLine() ?? progress
        }
        return progress
    }

    /// Takes what is left for a line.
    mutating func end() { _ = endLine() }

    private mutating func endLine() -> CopyProgress? {
        defer { line.removeAll(keepingCapacity: true) }
        let text = String(decoding: line, as: UTF8.self)
        if let progress = CopyProgress(backupLine: text) { return progress }
        if !text.allSatisfy(\.isWhitespace) { complaints = (complaints + [text]).suffix(Self.most) }
        return nil
    }
}
