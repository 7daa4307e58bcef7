/// A way to connect to a branch.
package enum ConnectionKind: String, CaseIterable, Sendable {
    case external
    case `internal`
    case direct

    package var title: String {
        switch self {
        case .external: "External"
        case .internal: "Internal"
        case .direct: "Direct"
        }
    }

    /// Its purpose, in one sentence.
    package var lead: String {
        switch self {
        case .external: "From anywhere, encrypted. The gateway selects this branch by its hostname."
        case .internal: "From containers on this host’s private network. Nothing leaves the host."
        case .direct:
            "Only from this host: directly to the server’s own port, without the gateway. From elsewhere, open the SSH "
                + "tunnel first, then use the same strings."
        }
    }
}

/// One way to connect: its fields and snippets, or why there are none.
package struct ConnectionView: Sendable {
    /// A ``ConnectionKind``, as in `?via=` and the API.
    package let kind: String
    /// The name of these strings in the API.
    package let apiName: String
    package let title: String
    package let lead: String
    package var href: String
    package var isCurrent: Bool
    /// nil for unencrypted connections.
    package var ssl: SSLSwitch?
    /// Host, port, SSL mode, CA certificate, database, user, password.
    package var fields: [ConnectionField]
    package var snippets: [SnippetView]
    /// Set if there is no connection string, with the next step.
    package var missing: MissingConnection?
    /// A warning above strings that do not work at the moment.
    package var warning: String?
    /// Why clients with a correct string cannot connect; for External.
    package var notice: GatewayNotice?
    /// Whether the password is shown, as with `?reveal=1`.
    package var isRevealed: Bool
    /// This page with and without `reveal=1`.
    package var revealHref: String
    package var hideHref: String
    package let isExternal: Bool

    package init(
        kind: ConnectionKind,
        apiName: String? = nil,
        href: String,
        isCurrent: Bool,
        ssl: SSLSwitch? = nil,
        fields: [ConnectionField],
        snippets: [SnippetView],
        missing: MissingConnection? = nil,
        warning: String? = nil,
        notice: GatewayNotice? = nil,
        isRevealed: Bool,
        revealHref: String,
        hideHref: String
    ) {
        self.kind = kind.rawValue
        self.apiName = apiName ?? kind.rawValue
        self.ssl = ssl
        self.title = kind.title
        self.lead = kind.lead
        self.href = href
        self.isCurrent = isCurrent
        self.fields = fields
        self.snippets = snippets
        self.missing = missing
        self.warning = warning
        self.notice = notice
        self.isRevealed = isRevealed
        self.revealHref = revealHref
        self.hideHref = hideHref
        self.isExternal = kind == .external
    }
}

/// A part of a connection that users can copy separately.
package struct ConnectionField: Sendable {
    /// `host`, `port`, `sslmode`, `sslrootcert`, `database`, `user`, `password` or `tunnel`.
    package var name: String
    package var label: String
    /// For a password: dots, unless it is revealed.
    package var value: String
    package var isSecret: Bool

    package init(name: String, label: String, value: String, isSecret: Bool = false) {
        self.name = name
        self.label = label
        self.value = value
        self.isSecret = isSecret
    }
}

/// A connection string in one driver's format.
package struct SnippetView: Sendable {
    /// `url`, `psql`, `env` and so on, as in `?tab=` and in the API.
    package var kind: String
    package var title: String
    package var language: String
    package var text: String
    /// Shown before the text.
    package var url: SnippetURL?
    package var note: String?
    package var href: String
    package var isCurrent: Bool
    /// A single line wraps; code keeps its lines and scrolls.
    package let isOneLine: Bool

    package init(
        kind: String,
        title: String,
        language: String,
        text: String,
        url: SnippetURL? = nil,
        note: String?,
        href: String,
        isCurrent: Bool
    ) {
        self.kind = kind
        self.title = title
        self.language = language
        self.text = text
        self.url = url
        self.note = note
        self.href = href
        self.isCurrent = isCurrent
        self.isOneLine = !text.contains("\n")
    }
}

/// A driver's own URL, for settings that need only that.
package struct SnippetURL: Sendable {
    /// "DATABASE_URL", "JDBC URL".
    package var title: String
    package var text: String

    package init(title: String, text: String) {
        self.title = title
        self.text = text
    }
}

/// Why there is no connection string, and the next step.
package struct MissingConnection: Sendable {
    /// The value of `externalUnavailableReason` in the API.
    package var reason: String
    package var sentence: String
    package var nextStep: String
    /// The button for the next step, if any.
    package var offersStart: Bool
    package var offersSettings: Bool

    package init(
        reason: String,
        sentence: String,
        nextStep: String,
        offersStart: Bool = false,
        offersSettings: Bool = false
    ) {
        self.reason = reason
        self.sentence = sentence
        self.nextStep = nextStep
        self.offersStart = offersStart
        self.offersSettings = offersSettings
    }

    package static let gatewayDisabled = Self(
        reason: "gateway_disabled",
        sentence: "The gateway is turned off, so this branch cannot be reached from outside.",
        nextStep: "Turn it on in Settings. The connection string then appears here.",
        offersSettings: true
    )

    package static let wildcardMissing = Self(
        reason: "wildcard_missing",
        sentence: "There is no wildcard domain yet, so this branch has no hostname.",
        nextStep: "Point a wildcard DNS record at this host, then enter its domain in Settings.",
        offersSettings: true
    )

    package static let targetStopped = Self(
        reason: "target_stopped",
        sentence: "This branch is stopped, so its hostname accepts no connections.",
        nextStep: "Start it to connect. Its hostname and port stay the same.",
        offersStart: true
    )

    /// `target_stopped` after an unexpected stop.
    package static let targetFailed = Self(
        reason: "target_stopped",
        sentence: "This branch has failed, so its hostname accepts no connections.",
        nextStep: "The reason is above. Start it to try again. Its hostname and port stay the same.",
        offersStart: true
    )

    /// `target_stopped` while its server recovers, or waits for a restart.
    package static let targetRecovering = Self(
        reason: "target_stopped",
        sentence: "This branch is recovering and does not accept connections yet.",
        nextStep: "The connection string appears here as soon as the server is ready."
    )

    /// `target_stopped` during an operation.
    package static let targetBusy = Self(
        reason: "target_stopped",
        sentence: "This branch does not accept connections yet.",
        nextStep: "Wait a moment. The connection string appears here as soon as the server is ready."
    )
}
