/// What every client is put through; `Clients/README.md` says when each passes.
enum Scenario: String, CaseIterable, Codable, Sendable {
    case connect
    case wrongHostname = "wrong_hostname"
    case noSNI = "no_sni"
    case plaintext
    case prepared
    case largeResult = "large_result"
    case copy
    case listenNotify = "listen_notify"
    case cancel
    case scram
    case connects200 = "connects_200"
    case directTLS = "direct_tls"
    case protocol32 = "protocol_3_2"

    /// What every client can do; the others need a driver that offers them.
    static let common: [Scenario] = allCases.filter { $0 != .directTLS && $0 != .protocol32 }

    /// Sizes that the clients' programs share.
    static let largeRows = 1_024
    static let largeRow = 65_536
    static let copyRows = 10_000
    static let connectsInARow = 200
}

/// One job of a client, in the form of `Clients/README.md`.
struct Job: Codable, Sendable {
    var host: String
    var wrongHost: String
    var address: String
    var port: Int
    var user: String
    var password: String
    var database: String
    /// The gateway's, self-signed, in PEM form.
    var certificate: String
    var rounds: Int
    var scenarios: [Scenario]
}

/// What came of one round.
struct Round: Codable, Sendable {
    var scenario: Scenario
    var ok: Bool
    /// How long connecting took, in milliseconds, where it was measured.
    var ms: Double?
    var detail: String
}
