/// How a password is kept out of sight in what is made of a connection.
///
/// It is replaced before a snippet is made: what is escaped for a language is masked all the same.
enum HiddenPassword {
    /// Stands for a password until the snippet is made: no language escapes it.
    private static let standIn = "frostPasswordIsHidden"

    static func hide(_ info: ConnectionInfo) -> ConnectionInfo {
        var hidden = info
        hidden.password = standIn
        return hidden
    }

    /// - Parameter text: made of a connection whose password is hidden.
    static func mask(_ text: String, with mask: String) -> String { text.replacing(standIn, with: mask) }
}

extension ConnectionSnippets {
    /// What is pasted into a shell.
    package static func psql(_ info: ConnectionInfo) -> String { snippet(.psql, info).text }

    /// The same for eyes, with asterisks for the password.
    package static func maskedPsql(_ info: ConnectionInfo) -> String {
        HiddenPassword.mask(psql(HiddenPassword.hide(info)), with: "********")
    }
}
