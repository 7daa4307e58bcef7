/// The configured images of branches in containers: one name, such as `postgres:16`, or one with a placeholder for
/// PostgreSQL's major version, such as `registry.example.net:5000/postgres:{major}-bookworm`.
///
/// A single name also implies images of other versions if its tag starts with the version.
struct PostgresImages: Hashable, Sendable {
    static let place = "{major}"

    private let text: String

    /// - Throws: ``BranchError/invalid(_:)`` for an invalid image name.
    init(_ text: String) throws(BranchError) {
        self.text = text
        let name = text.replacing(Self.place, with: "")
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "._-/:@".utf8.contains(byte)
            }
        }
        // Reject paths that would address another part of the engine's API.
        guard !name.isEmpty, allowed, !name.hasPrefix("/"), !name.contains(".."), !name.contains("//"),
            text.ranges(of: Self.place).count <= 1
        else {
            throw .invalid(
                "'\(text)' is not an image name; use one such as postgres:16, or postgres:\(Self.place) for all versions"
            )
        }
    }

    /// Candidate names, best first.
    ///
    /// - Parameters:
    ///   - major: of the data; nil for a new server of any version.
    ///   - kept: the branch's previous image.
    func candidates(for major: Int?, kept: String? = nil) -> [String] {
        guard let major else { return [name(for: DockerRuntime.defaultMajor)] }
        var names: [String] = []
        for name in [byVersion(major), text.contains(Self.place) ? nil : text, kept] {
            if let name, !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// The image with the version inserted; the setting itself if it has no placeholder.
    private func name(for major: Int) -> String { text.replacing(Self.place, with: String(major)) }

    /// nil if no version can be inserted.
    private func byVersion(_ major: Int) -> String? {
        if text.contains(Self.place) { return name(for: major) }
        let start = text.lastIndex(of: "/").map(text.index(after:)) ?? text.startIndex
        guard !text.contains("@"), let colon = text[start...].firstIndex(of: ":"),
            let tag = text[text.index(after: colon)...].wholeMatch(of: /([0-9]+)(?:\.[0-9]+)*(-.+)?/)
        else { return nil }
        // Keep the rest of the tag: it may name a minor version, or a libc with its own sort order.
        if tag.1 == String(major) { return text }
        return "\(text[...colon])\(major)\(tag.2 ?? "")"
    }
}
