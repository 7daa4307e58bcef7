/// Reads a program's standard error as it arrives: progress lines, and the last of the other lines, which describe an
/// error.
struct ToolOutput {
    /// The last lines other than progress.
    private(set) var complaints: [String] = []
    private var line: [UInt8] = []

    /// The number of lines kept.
    private static let most = 4
    /// Limit of a kept line, in bytes.
    private static let longest = 4_096

    /// - Returns: the progress, if these bytes contain it.
    mutating func append(_ bytes: some Sequence<UInt8>) -> CopyProgress? {
        var progress: CopyProgress?
        for byte in bytes {
            // On a terminal, programs return to the start of the line.
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
                if line.count < Self.longest { line.append(byte) }
                continue
            }
            progress = endLine() ?? progress
        }
        return progress
    }

    /// Treats the rest as a line.
    mutating func end() { _ = endLine() }

    private mutating func endLine() -> CopyProgress? {
        defer { line.removeAll(keepingCapacity: true) }
        let text = String(decoding: line, as: UTF8.self)
        if let progress = CopyProgress(backupLine: text) { return progress }
        if !text.allSatisfy(\.isWhitespace) { complaints = (complaints + [text]).suffix(Self.most) }
        return nil
    }
}
