/// The addresses a backend may have: the gateway must not become a way into other hosts.
enum LoopbackAddress {
    /// Whether a text is an IP literal of 127.0.0.0/8, or `::1`.
    static func contains(_ text: String) -> Bool {
        if text == "::1" { return true }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127" else { return false }
        return parts.allSatisfy { part in
            // Leading zeroes would be read as octal by some resolvers and as decimal by others.
            part.allSatisfy(\.isNumber) && UInt8(part).map { String($0) == part } == true
        }
    }
}
