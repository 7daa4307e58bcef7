extension ConnectionInfo {
    /// A connection string of keywords and values, without the password: for a command line, which all users can read
    /// (https://www.postgresql.org/docs/current/libpq-connect.html, "Keyword/Value Connection Strings").
    package var conninfo: String {
        let all =
            [("host", host), ("port", String(port)), ("user", username), ("dbname", databaseName)]
            + ConnectionSnippets.libpqParameters(self)
        return all.map { "\($0.0)='\(Self.escaped($0.1))'" }.joined(separator: " ")
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    }
}
