import BranchManager
import FrostPages

/// The Connect card of a branch's page.
extension PageContent {
    /// The page's address with only the choices of its Connect card.
    static func place(of id: String, _ query: [String: String]) -> String {
        let via = query["via"].flatMap(ConnectionKind.init(rawValue:)) ?? .external
        let tab = query["tab"].flatMap(SnippetKind.init(rawValue:)) ?? .url
        let ssl = query["ssl"] == verifyFull ? "&ssl=\(verifyFull)" : ""
        let reveal = query["reveal"] == "1" ? "&reveal=1" : ""
        return "/branches/\(id)?via=\(via.rawValue)&tab=\(tab.rawValue)\(ssl)\(reveal)"
    }

    func connections(
        _ runtime: TargetRuntime,
        _ gateway: GatewayCondition,
        query: [String: String]
    ) -> [ConnectionView] {
        let connections = TargetConnections(runtime, authority: state.certificateAuthority)
        let isVerifyFull = query["ssl"] == Self.verifyFull
        let ways: [(ConnectionKind, ConnectionInfo?)] = [
            (.external, isVerifyFull ? connections.externalVerifyFull : connections.external),
            (.internal, connections.internal), (.direct, connections.direct),
        ]
        let current = query["via"].flatMap(ConnectionKind.init(rawValue:)) ?? .external
        let tab = query["tab"].flatMap(SnippetKind.init(rawValue:)) ?? .url
        let isRevealed = query["reveal"] == "1"
        let place = "/branches/\(runtime.branch.target.id)"
        // In every link of the card, so that choices are kept.
        let ssl = isVerifyFull ? "&ssl=\(Self.verifyFull)" : ""
        let log = query["log"] == "1" ? "&log=1" : ""
        let reveal = (isRevealed ? "&reveal=1" : "") + log
        let isActive = runtime.branch.target.lifecycleStatus == .active
        return ways.map { kind, info in
            let here = "\(place)?via=\(kind.rawValue)&tab=\(tab.rawValue)"
            let href = here + ssl
            let shown = isRevealed ? info : info.map(HiddenPassword.hide)
            return ConnectionView(
                kind: kind,
                apiName: kind == .external && isVerifyFull ? "externalVerifyFull" : kind.rawValue,
                href: href + reveal,
                isCurrent: kind == current,
                ssl: info?.sslMode == nil
                    ? nil
                    : SSLSwitch(
                        isVerifyFull: isVerifyFull,
                        requireHref: "\(here)&ssl=\(SSLMode.require.name)\(reveal)",
                        verifyFullHref: "\(here)&ssl=\(Self.verifyFull)\(reveal)",
                        authority: state.certificateAuthority.map { _ in Self.authorityDownload }
                    ),
                fields: shown.map {
                    Self.fields($0, isRevealed: isRevealed) + (kind == .direct ? [Self.tunnel(runtime.branch)] : [])
                } ?? [],
                snippets: shown.map { ConnectionSnippets.all($0) }?.map { snippet in
                    SnippetView(
                        kind: snippet.kind.rawValue,
                        title: snippet.title,
                        language: snippet.language,
                        text: HiddenPassword.mask(snippet.text, with: Self.mask),
                        url: snippet.url.map {
                            SnippetURL(
                                title: snippet.kind == .jdbc ? "JDBC URL" : "DATABASE_URL",
                                text: HiddenPassword.mask($0, with: Self.mask)
                            )
                        },
                        note: snippet.note,
                        href: "\(place)?via=\(kind.rawValue)&tab=\(snippet.kind.rawValue)\(ssl)\(reveal)",
                        isCurrent: snippet.kind == tab
                    )
                } ?? [],
                missing: info == nil ? missing(kind, runtime) : nil,
                warning: kind != .external && !isActive
                    ? "This branch is not running, so it accepts no connections."
                    : runtime.passwordWarning.map { "\($0.prefix(1).uppercased())\($0.dropFirst())." },
                notice: kind == .external ? Self.notice(runtime, gateway) : nil,
                isRevealed: isRevealed,
                revealHref: "\(href)&reveal=1\(log)",
                hideHref: href + log
            )
        }
    }

    private static let verifyFull = SSLMode.verifyFull(.system).name

    private static let authorityDownload = AuthorityDownload(
        href: CertificateAuthorityInfo.path,
        fileName: CertificateAuthorityInfo.fileName
    )

    /// Forwards a local port to this host. HOST is a placeholder if the branch has no name that resolves to this host
    /// elsewhere.
    private static func tunnel(_ branch: BranchDetails) -> ConnectionField {
        let port = branch.target.hostPort
        let host = branch.target.hostname.flatMap { $0.hasSuffix(".localhost") ? nil : $0 } ?? "HOST"
        return ConnectionField(name: "tunnel", label: "Tunnel", value: "ssh -L \(port):127.0.0.1:\(port) \(host)")
    }

    private static func fields(_ info: ConnectionInfo, isRevealed: Bool) -> [ConnectionField] {
        let fields: [ConnectionField?] = [
            ConnectionField(name: "host", label: "Host", value: info.host),
            ConnectionField(name: "port", label: "Port", value: String(info.port)),
            ConnectionField(name: "sslmode", label: "SSL mode", value: info.sslMode?.name ?? "disable"),
            info.sslMode?.rootCertificate.map { ConnectionField(name: "sslrootcert", label: "Root CA", value: $0) },
            ConnectionField(name: "database", label: "Database", value: info.databaseName),
            ConnectionField(name: "user", label: "User", value: info.username),
            ConnectionField(
                name: "password",
                label: "Password",
                value: isRevealed ? info.password : mask,
                isSecret: true
            ),
        ]
        return fields.compactMap { $0 }
    }

    private func missing(_ kind: ConnectionKind, _ runtime: TargetRuntime) -> MissingConnection {
        guard kind == .external else {
            return MissingConnection(
                reason: "no_container",
                sentence: "This branch runs as a process on this host, so containers have no internal name for it.",
                nextStep: "Use External from containers, or Direct on this host."
            )
        }
        return switch runtime.unavailableReason {
        case .gatewayDisabled: .gatewayDisabled
        case .wildcardMissing: .wildcardMissing
        case .targetStopped where runtime.branch.target.lifecycleStatus == .deleting:
            MissingConnection(
                reason: "target_stopped",
                sentence: "This branch is being deleted.",
                nextStep: "If it failed, the reason is above; delete it again."
            )
        case .targetStopped where runtime.branch.target.lifecycleStatus == .recovering: .targetRecovering
        case .targetStopped where !runtime.branch.target.lifecycleStatus.isSettled: .targetBusy
        default: Self.status(runtime.branch.target) == "failed" ? .targetFailed : .targetStopped
        }
    }
}
