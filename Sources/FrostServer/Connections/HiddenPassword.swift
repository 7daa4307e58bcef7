/// Masks the password in texts for a connection.
///
/// It is replaced before a snippet is rendered, so that escapes of a language are masked too.
enum HiddenPassword {
    /// Placeholder for the password until the snippet is rendered; no language escapes it.
    private static let standIn = "frostPasswordIsHidden"

    static func hide(_ info: ConnectionInfo) -> ConnectionInfo {
        var hidden = info
        hidden.password = standIn
        return hidden
    }

    /// - Parameter text: rendered for a connection with a hidden password.
    static func mask(_ text: String, with mask: String) -> String { text.replacing(standIn, with: mask) }
}

extension ConnectionSnippets {
    /// A command for a shell.
    package static func psql(_ info: ConnectionInfo) -> String { snippet(.psql, info).text }

    /// The same for display, with asterisks for the password.
    package static func maskedPsql(_ info: ConnectionInfo) -> String {
        HiddenPassword.mask(psql(HiddenPassword.hide(info)), with: "********")
    }
}
