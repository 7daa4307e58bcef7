/// The JSON document at ``AdminPath/sessions``: the current sessions, and anything that needs an operator's attention.
package struct SessionsDocument: Codable, Hashable, Sendable {
    /// One client's connection to a branch.
    package struct Session: Codable, Hashable, Sendable {
        /// As the gateway's log has it; unique while the gateway runs.
        package var number: UInt64
        /// The client's address and port.
        package var client: String
        /// The process id of `pg_stat_activity`; null until the server has sent it.
        package var backendProcess: Int32?
        /// Whole seconds since the session began.
        package var ageSeconds: Int
        /// From the client to the backend.
        package var bytesIn: UInt64
        /// From the backend to the client.
        package var bytesOut: UInt64

        package init(
            number: UInt64,
            client: String,
            backendProcess: Int32?,
            ageSeconds: Int,
            bytesIn: UInt64,
            bytesOut: UInt64
        ) {
            self.number = number
            self.client = client
            self.backendProcess = backendProcess
            self.ageSeconds = ageSeconds
            self.bytesIn = bytesIn
            self.bytesOut = bytesOut
        }
    }

    /// The sessions of one branch.
    package struct Target: Codable, Hashable, Sendable {
        /// The id by which the route map has it.
        package var id: String
        package var count: Int
        /// In order of their numbers.
        package var sessions: [Session]

        package init(id: String, count: Int, sessions: [Session]) {
            self.id = id
            self.count = count
            self.sessions = sessions
        }
    }

    /// Connections that have no session yet.
    package struct Startups: Codable, Hashable, Sendable {
        package var count: Int
        /// Handshakes that wait for their turn.
        package var handshakesWaiting: Int

        package init(count: Int, handshakesWaiting: Int) {
            self.count = count
            self.handshakesWaiting = handshakesWaiting
        }
    }

    /// A limit that is near, or reached.
    package struct Limit: Codable, Hashable, Sendable {
        /// The name of its variable.
        package var variable: String
        /// Of which branch or address; null for a limit of the whole gateway.
        package var of: String?
        package var used: Int
        package var maximum: Int

        package init(variable: GatewayVariable, of owner: String?, used: Int, maximum: Int) {
            self.variable = variable.environmentName
            self.of = owner
            self.used = used
            self.maximum = maximum
        }
    }

    package struct Certificate: Codable, Hashable, Sendable {
        package var file: String
        /// The DNS names of its subjectAltName.
        package var names: [String]
        /// RFC 3339, UTC.
        package var notBefore: String
        package var notAfter: String

        package init(file: String, names: [String], notBefore: String, notAfter: String) {
            self.file = file
            self.names = names
            self.notBefore = notBefore
            self.notAfter = notAfter
        }
    }

    /// Hostnames of the route map that no certificate covers.
    package struct Uncovered: Codable, Hashable, Sendable {
        package var count: Int
        /// The first of them in order of name, at most ``most``.
        package var first: [String]

        /// How many are named.
        package static let most = 5

        package init(count: Int, first: [String]) {
            self.count = count
            self.first = first
        }
    }

    /// In order of their ids; those without a session are left out.
    package var targets: [Target]
    package var startups: Startups
    /// Empty when all limits are far.
    package var limits: [Limit]
    package var certificates: [Certificate]
    package var hostnamesUncovered: Uncovered
    /// The most recent refusals, the latest first; at most ``Refusal/most``.
    package var refusals: [Refusal]

    package init(
        targets: [Target],
        startups: Startups,
        limits: [Limit],
        certificates: [Certificate],
        hostnamesUncovered: Uncovered,
        refusals: [Refusal] = []
    ) {
        self.targets = targets
        self.startups = startups
        self.limits = limits
        self.certificates = certificates
        self.hostnamesUncovered = hostnamesUncovered
        self.refusals = refusals
    }

    /// Reads a document of this version, or of an older one: what that did not have yet is empty.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            targets: try values.decode([Target].self, forKey: .targets),
            startups: try values.decode(Startups.self, forKey: .startups),
            limits: try values.decode([Limit].self, forKey: .limits),
            certificates: try values.decode([Certificate].self, forKey: .certificates),
            hostnamesUncovered: try values.decode(Uncovered.self, forKey: .hostnamesUncovered),
            refusals: try values.decodeIfPresent([Refusal].self, forKey: .refusals) ?? []
        )
    }
}
