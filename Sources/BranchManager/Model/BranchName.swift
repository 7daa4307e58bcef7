/// Names of branches, databases and projects.
package enum BranchName {
    /// The first branch of every database; cannot be renamed, reset or deleted.
    package static let main = "main"

    /// Longest name of a branch or database, in characters.
    package static let maximumLength = 62
    /// Longest name of a project, in UTF-16 code units, as browsers count.
    package static let maximumProjectLength = 200

    /// `^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$`
    ///
    /// - Throws: ``BranchError`` with the rule.
    package static func check(_ name: String, of thing: String) throws(BranchError) {
        let isPlain = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || byte == UInt8(ascii: "-")
        }
        guard isPlain, !name.isEmpty, name.utf8.count <= maximumLength, !name.hasPrefix("-"), !name.hasSuffix("-")
        else {
            throw .invalid(
                "invalid \(thing) name '\(name.prefix(100))': use 1 to \(maximumLength) lowercase letters, digits "
                    + "and hyphens, no hyphen at either end"
            )
        }
    }

    /// For users: any script, but only visible characters.
    ///
    /// - Throws: ``BranchError`` with the rule.
    static func checkProject(_ name: String) throws(BranchError) {
        let scalars = name.unicodeScalars
        let hasEnds = [scalars.first, scalars.last].allSatisfy { $0?.properties.isWhitespace == false }
        guard hasEnds, name.utf16.count <= maximumProjectLength, scalars.allSatisfy(isPlain),
            !scalars.allSatisfy(isJoiner)
        else {
            throw .invalid(
                "invalid project name: use 1 to \(maximumProjectLength) characters, no invisible or control characters, "
                    + "and no space at either end"
            )
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        case .format: isJoiner(scalar)
        default: true
        }
    }

    /// Joiners between characters of some scripts and emoji: U+200C and U+200D.
    private static func isJoiner(_ scalar: Unicode.Scalar) -> Bool { (0x200C...0x200D).contains(scalar.value) }
}
