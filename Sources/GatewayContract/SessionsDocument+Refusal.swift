extension SessionsDocument {
    /// Refusals of one kind: the same reason, branch and hint. Nothing in it comes from a client.
    package struct Refusal: Codable, Hashable, Sendable {
        /// As the metrics and the log have it, such as `unknown_hostname`.
        package var reason: String
        /// The branch that was asked for, by its id in the route map; null where none was found.
        package var target: String?
        /// The branch's hostname in the route map; null when it has none there any more.
        package var hostname: String?
        /// How many of this kind the gateway has refused since it last forgot the kind.
        package var count: UInt64
        /// Whole seconds since the last of them.
        package var ageSeconds: Int
        /// As the client received it.
        package var hint: String

        /// How many kinds are listed.
        package static let most = 20

        package init(
            reason: String,
            target: String?,
            hostname: String?,
            count: UInt64,
            ageSeconds: Int,
            hint: String
        ) {
            self.reason = reason
            self.target = target
            self.hostname = hostname
            self.count = count
            self.ageSeconds = ageSeconds
            self.hint = hint
        }
    }
}
