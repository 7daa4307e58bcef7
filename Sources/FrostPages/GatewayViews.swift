/// A problem of the gateway or a hostname, and the next step.
package struct GatewayNotice: Sendable {
    /// A state from the API, such as `unreachable`, or `hostname_not_covered`.
    package let code: String
    /// `Not running`.
    package let word: String
    /// A sentence; nil if the fault beside it is enough.
    package var sentence: String?
    /// Such as `Start it`, without a full stop.
    package let nextStep: String?
    /// The command to type, or the variable to set.
    package let command: String?
    /// nil if the time adds no information.
    package var since: Moment?

    package init(
        code: String,
        word: String,
        sentence: String?,
        nextStep: String?,
        command: String?,
        since: Moment? = nil
    ) {
        self.code = code
        self.word = word
        self.sentence = sentence
        self.nextStep = nextStep
        self.command = command
        self.since = since
    }
}

/// The gateway in the tree of every page, if it has a problem.
package struct GatewayMark: Sendable {
    package let dot: StatusDot
    /// The page with details.
    package let href: String

    package init(_ notice: GatewayNotice) {
        href = "/gateway"
        dot = StatusDot(status: notice.code == "unseen" ? "waiting" : "failed", text: "Gateway: \(notice.word)")
    }

    /// - Parameter count: of hostnames without a certificate.
    package init(uncovered count: Int) {
        href = "/settings#certificates"
        dot = StatusDot(
            status: "waiting",
            text: count == 1 ? "1 hostname without a certificate" : "\(count) hostnames without a certificate"
        )
    }
}

/// How external clients connect to branches, or what is missing for that.
package struct GatewaySummary: Sendable {
    package let dot: StatusDot
    package var port: Int
    package var wildcardBase: String?
    /// An example of a branch's hostname.
    package var example: String?
    /// What is missing before external clients can connect; nil if nothing.
    package let missing: String?
    /// Why the gateway cannot apply the settings; nil if it can.
    package let fault: String?
    /// Its problem; nil when it is on.
    package let notice: GatewayNotice?
    /// `No certificate covers 3 of 5 hostnames.`; nil when all are.
    package let uncovered: String?
    /// The earliest expiry of a certificate in use: `Certificate valid until 2027-02-24`.
    package let validUntil: String?

    package init(
        isEnabled: Bool,
        port: Int,
        wildcardBase: String?,
        example: String? = nil,
        fault: String? = nil,
        notice: GatewayNotice? = nil,
        uncovered: String? = nil,
        validUntil: String? = nil
    ) {
        self.port = port
        self.wildcardBase = wildcardBase
        self.example = example ?? wildcardBase.map { "branch.pg.project.\($0)" }
        self.fault = isEnabled ? fault : nil
        self.uncovered = isEnabled ? uncovered : nil
        self.validUntil = isEnabled ? validUntil : nil
        var notice = isEnabled ? notice : nil
        if notice?.code == "failed", fault != nil { notice?.sentence = nil }
        self.notice = notice
        missing =
            if !isEnabled {
                "Branches accept connections from this host only. Turn the gateway on to give each one a hostname."
            } else if wildcardBase == nil {
                "Branches have no hostnames yet. Add a wildcard domain to give them one."
            } else {
                nil
            }
        dot =
            if !isEnabled {
                StatusDot(status: "stopped", text: "Off")
            } else if let notice {
                StatusDot(status: notice.code == "unseen" ? "waiting" : "failed", text: notice.word)
            } else if fault != nil {
                StatusDot(status: "failed", text: "Fault")
            } else if wildcardBase == nil {
                StatusDot(status: "waiting", text: "Needs a domain")
            } else {
                StatusDot(status: "active", text: "On")
            }
    }
}

/// One certificate of the gateway.
package struct CertificateRow: Sendable {
    /// The name of its file, and the full path.
    package let file: String
    package let path: String
    /// The hostnames it is for.
    package let names: [String]
    /// `2027-02-24`.
    package let validUntil: Moment
    /// `Expires in 5 days`, `Expired`, …; with a tone of ``StatusDot``.
    package let validity: StatusDot
    /// `*.pg.shop.example.net (3 of 3)`; empty when it covers no branch.
    package let covers: [String]
    package let hasNames: Bool
    package let hasCovers: Bool

    package init(
        path: String,
        names: [String],
        validUntil: Moment,
        validity: StatusDot,
        covers: [String]
    ) {
        self.path = path
        file = path.split(separator: "/").last.map(String.init) ?? path
        self.names = names
        self.validUntil = validUntil
        self.validity = validity
        self.covers = covers
        hasNames = !names.isEmpty
        hasCovers = !covers.isEmpty
    }
}

/// The certificates of the gateway, and the hostnames without one.
package struct CertificatesView: Sendable {
    package let rows: [CertificateRow]
    package let hasRows: Bool
    /// Those listed.
    package let uncovered: [String]
    package let hasUncovered: Bool
    /// `No certificate covers 3 of 5 hostnames.`
    package let uncoveredSummary: String
    /// How many more there are; nil if all are listed.
    package let more: String?
    /// Names that need a certificate.
    package let wanted: [String]

    /// The maximum number of hostnames listed.
    private static let most = 20

    /// - Parameters:
    ///   - uncovered: all hostnames without a certificate, sorted by name.
    ///   - wanted: names for certificates that would cover them.
    package init(rows: [CertificateRow], uncovered: [String], of all: Int, wanted: [String]) {
        self.rows = rows
        hasRows = !rows.isEmpty
        self.uncovered = Array(uncovered.prefix(Self.most))
        hasUncovered = !uncovered.isEmpty
        uncoveredSummary = Self.summary(uncovered.count, of: all)
        more = uncovered.count > Self.most ? "and \(uncovered.count - Self.most) more" : nil
        self.wanted = wanted
    }

    /// `No certificate covers 3 of 5 hostnames.`
    package static func summary(_ count: Int, of all: Int) -> String {
        "No certificate covers \(count) of \(all) \(all == 1 ? "hostname" : "hostnames")."
    }
}
