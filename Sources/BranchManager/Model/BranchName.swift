/// Names of branches, databases and projects.
package enum BranchName {
    /// The first branch of every database; cannot be renamed, reset or deleted.
    package static let main = "main"

    /// Longest name of a branch or database, in characters.
    package static let maximumLength = 62
    /// Longest name of a project, in characters.
    package static let maximumProjectLength = 200

    /// `^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$`
    ///
    /// - Throws: ``BranchError`` that says the rule.
    package static func check(_ name: String, of thing: String) throws(BranchError) {
        let isPlain = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-")
        }
        guard isPlain, !name.isEmpty, name.utf8.count <= maximumLength, !name.hasPrefix("-"), !name.hasSuffix("-")
        else {
            throw .invalid(
                "'\(name.prefix(100))' is no name for a \(thing): use 1 to \(maximumLength) lowercase letters, digits "
                    + "and hyphens, no hyphen at either end"
            )
        }
    }

    static func checkProject(_ name: String) throws(BranchError) {
        guard !name.isEmpty, name.count <= maximumProjectLength,
            !name.unicodeScalars.contains(where: { $0.value < 0x20 })
        else {
            throw .invalid(
                "a project's name has 1 to \(maximumProjectLength) characters, none of them a control character"
            )
        }
    }
}
