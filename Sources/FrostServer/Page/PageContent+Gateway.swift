import BranchManager
import Foundation
import FrostPages
import GatewayContract

/// The gateway on pages.
extension PageContent {
    /// In the tree: the gateway's problem, else the number of hostnames without a certificate; nil without problems.
    static func mark(_ gateway: GatewayCondition, _ hostnames: [String]) -> GatewayMark? {
        if let notice = notice(gateway) { return GatewayMark(notice) }
        let count = hostnames.count { gateway.leavesUncovered($0) }
        return count > 0 ? GatewayMark(uncovered: count) : nil
    }

    /// Beside a connection string: why its clients cannot connect.
    static func notice(_ runtime: TargetRuntime, _ gateway: GatewayCondition) -> GatewayNotice? {
        guard let warning = runtime.warning, let hostname = runtime.external?.host,
            let trouble = warning.trouble(gateway, for: hostname)
        else { return nil }
        return notice(trouble, code: warning.rawValue)
    }

    private static func notice(_ gateway: GatewayCondition) -> GatewayNotice? {
        guard let trouble = GatewayTrouble(gateway) else { return nil }
        return notice(trouble, code: gateway.kind.rawValue, since: moment(gateway.since))
    }

    private static func notice(_ trouble: GatewayTrouble, code: String, since: Moment? = nil) -> GatewayNotice {
        let step = trouble.nextStep
        let text = step.map { "\($0.text.prefix(1).uppercased())\($0.text.dropFirst())" }
        return GatewayNotice(
            code: code,
            word: trouble.word,
            sentence: trouble.sentence,
            nextStep: step?.command == nil ? text.map { "\($0)." } : text,
            command: step?.command,
            since: since
        )
    }

    func summary(_ settings: ServerSettings, _ report: GatewayReport) -> GatewaySummary {
        GatewaySummary(
            isEnabled: settings.gatewayEnabled,
            port: settings.gatewayPort,
            wildcardBase: settings.wildcardBase,
            example: report.example,
            fault: settings.gatewayFault,
            notice: Self.notice(report.condition),
            uncovered: report.uncovered.isEmpty
                ? nil : CertificatesView.summary(report.uncovered.count, of: report.hostnames),
            validUntil: Self.firstEnd(report).map { "Certificate valid until \(Self.day($0))" }
        )
    }

    func certificates(_ report: GatewayReport) -> CertificatesView {
        CertificatesView(
            rows: report.certificates.map { certificate in
                CertificateRow(
                    path: certificate.document.file,
                    names: certificate.document.names,
                    validUntil: Self.end(certificate),
                    validity: Self.validity(certificate),
                    covers: certificate.coverage.map { "\($0.wildcard) (\($0.covered) of \($0.all))" }
                )
            },
            uncovered: report.uncovered,
            of: report.hostnames,
            wanted: report.wanted
        )
    }

    /// The earliest expiry of the certificates that branches need.
    private static func firstEnd(_ report: GatewayReport) -> Date? {
        report.certificates.filter { !$0.coverage.isEmpty }.compactMap(\.document.validUntil).min()
    }

    private static func end(_ certificate: GatewayReport.Certificate) -> Moment {
        guard let end = certificate.document.validUntil else {
            return Moment(iso: certificate.document.notAfter, text: certificate.document.notAfter)
        }
        return Moment(iso: end.formatted(.iso8601), text: day(end))
    }

    private static func day(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day().dateSeparator(.dash))
    }

    private static func validity(_ certificate: GatewayReport.Certificate, now: Date = .now) -> StatusDot {
        let days = certificate.document.validUntil.map { Int($0.timeIntervalSince(now) / 86_400) } ?? 0
        return switch certificate.validity {
        case .valid: StatusDot(status: "active", text: "Valid")
        case .expiresSoon: StatusDot(status: "waiting", text: days == 1 ? "1 day left" : "\(days) days left")
        case .expired: StatusDot(status: "failed", text: "Expired")
        case .notYetValid: StatusDot(status: "failed", text: "Not valid yet")
        case .unknown: StatusDot(status: "failed", text: "Unreadable date")
        }
    }
}
