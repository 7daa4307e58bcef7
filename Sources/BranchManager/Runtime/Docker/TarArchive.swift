/// Archives in the engine's format (ustar of POSIX.1-1988) for a few small files.
enum TarArchive {
    struct Entry: Sendable {
        /// Below the directory that the archive is for; shorter than 100 bytes.
        var path: String
        var mode: Int
        /// nil for a directory.
        var content: [UInt8]?
    }

    private static let block = 512
    /// Maximum overhead of an archive of one file, in bytes: headers, attribute records, end.
    static let overhead = 64 * 1_024

    /// An archive of entries that belong to root.
    static func archive(_ entries: [Entry]) -> [UInt8] {
        var archive: [UInt8] = []
        for entry in entries {
            let size = entry.content?.count ?? 0
            var header: [UInt8] = []
            func add(_ text: String, _ width: Int) {
                let bytes = Array(text.utf8.prefix(width))
                header += bytes + [UInt8](repeating: 0, count: width - bytes.count)
            }
            /// Octal digits and a zero byte.
            func number(_ value: Int, _ width: Int) -> String {
                let digits = String(value, radix: 8)
                return String(repeating: "0", count: max(0, width - 1 - digits.count)) + digits
            }
            add(entry.content == nil ? "\(entry.path)/" : entry.path, 100)
            add(number(entry.mode, 8), 8)
            // Owner and group.
            add(number(0, 8), 8)
            add(number(0, 8), 8)
            add(number(size, 12), 12)
            // The time of the change is left at zero.
            add(number(0, 12), 12)
            // The checksum counts as spaces while it is made.
            add("        ", 8)
            add(entry.content == nil ? "5" : "0", 1)
            add("", 100)
            add("ustar", 6)
            add("00", 2)
            add("", block - header.count)
            let checksum = header.reduce(0) { $0 + Int($1) }
            header.replaceSubrange(148..<156, with: Array("\(number(checksum, 7))\0 ".utf8))
            archive += header + (entry.content ?? [])
            archive += [UInt8](repeating: 0, count: (block - size % block) % block)
        }
        return archive + [UInt8](repeating: 0, count: 2 * block)
    }

    /// The content of an archive of one file; nil for any other archive.
    static func firstFile(of archive: [UInt8]) -> [UInt8]? {
        var rest = archive[...]
        while rest.count >= block {
            let header = Array(rest.prefix(block))
            rest = rest.dropFirst(block)
            let digits = header[124..<136].prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 8), size >= 0, size <= rest.count
            else {
                return nil
            }
            switch header[156] {
            case UInt8(ascii: "0"), 0: return header[0] == 0 ? nil : Array(rest.prefix(size))
            // Attributes of the entry that follows.
            case UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K"):
                rest = rest.dropFirst(size + (block - size % block) % block)
            default: return nil
            }
        }
        return nil
    }
}
