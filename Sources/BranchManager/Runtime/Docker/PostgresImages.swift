/// The images that branches in containers have, by what is set: one name, such as `postgres:16`, or one with a place for
/// PostgreSQL's major version, such as `registry.example.net:5000/postgres:{major}-bookworm`.
///
/// The name of one image stands for those of other versions as well where its tag begins with the version.
struct PostgresImages: Hashable, Sendable {
    static let place = "{major}"

    private let text: String

    /// - Throws: ``BranchError/invalid(_:)`` for what is no name of an image.
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
        // A path that leads elsewhere in the engine's API is no name either.
        guard !name.isEmpty, allowed, !name.hasPrefix("/"), !name.contains(".."), !name.contains("//"),
            text.ranges(of: Self.place).count <= 1
        else {
            throw .invalid(
                "'\(text)' is not an image name; use one such as postgres:16, or postgres:\(Self.place) for all versions"
            )
        }
    }

    /// Names to look for, the best first.
    ///
    /// - Parameters:
    ///   - major: of the data; nil for a new server's of any version.
    ///   - kept: the image that the branch has had.
    func candidates(for major: Int?, kept: String? = nil) -> [String] {
        guard let major else { return [name(for: DockerRuntime.defaultMajor)] }
        var names: [String] = []
        for name in [byVersion(major), text.contains(Self.place) ? nil : text, kept] {
            if let name, !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// The image with the version put into its place; what is set, where it has none.
    private func name(for major: Int) -> String { text.replacing(Self.place, with: String(major)) }

    /// nil where no version can be put in.
    private func byVersion(_ major: Int) -> String? {
        if text.contains(Self.place) { return name(for: major) }
        let start = text.lastIndex(of: "/").map(text.index(after:)) ?? text.startIndex
        guard !text.contains("@"), let colon = text[start...].firstIndex(of: ":"),
            let tag = text[text.index(after: colon)...].wholeMatch(of: /([0-9]+)(?:\.[0-9]+)*(-.+)?/)
        else { return nil }
        // With what stands behind it: another minor version may be meant, another libc sorts text otherwise.
        if tag.1 == String(major) { return text }
        return "\(text[...colon])\(major)\(tag.2 ?? "")"
    }
}
