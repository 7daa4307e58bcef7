extension ConnectionSnippets {
    /// In place of a password, of letters that a URL leaves as they are.
    private static let stand = "password-is-not-shown"

    /// What is pasted into a shell.
    package static func psql(_ info: ConnectionInfo) -> String { snippet(.psql, info).text }

    /// The same for eyes, with asterisks for the password.
    package static func maskedPsql(_ info: ConnectionInfo) -> String {
        var masked = info
        masked.password = stand
        return psql(masked).replacing(":\(stand)@", with: ":********@")
    }
}
