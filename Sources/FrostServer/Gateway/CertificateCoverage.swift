package import Foundation
package import GatewayContract

/// The validity of a certificate at a time.
package enum CertificateValidity: String, CaseIterable, Sendable {
    case valid
    /// It expires within ``CertificateValidity/warning``.
    case expiresSoon = "expires_soon"
    case expired
    case notYetValid = "not_yet_valid"
    /// Its dates are unreadable.
    case unknown

    /// In seconds: two weeks, as in the gateway's readiness.
    static let warning: TimeInterval = 14 * 24 * 3_600

    /// Whether clients that check dates accept it.
    var isInDate: Bool { self == .valid || self == .expiresSoon }
}

extension SessionsDocument.Certificate {
    package var validFrom: Date? { try? Date(notBefore, strategy: .iso8601) }
    package var validUntil: Date? { try? Date(notAfter, strategy: .iso8601) }

    package func validity(at now: Date) -> CertificateValidity {
        guard let validFrom, let validUntil else { return .unknown }
        if now < validFrom { return .notYetValid }
        if now > validUntil { return .expired }
        return now.addingTimeInterval(CertificateValidity.warning) > validUntil ? .expiresSoon : .valid
    }

    /// Whether a verifying client accepts it for this hostname now: it is in date, and has that exact name or a
    /// wildcard for its whole first label (RFC 9525, section 6.3), ignoring case.
    package func covers(_ hostname: String, at now: Date) -> Bool {
        guard validity(at: now).isInDate else { return false }
        let wanted = hostname.lowercased()
        let wildcard = wanted.firstIndex(of: ".").map { "*\(wanted[$0...])" }
        return names.contains { name in
            let name = name.lowercased()
            return name == wanted || name == wildcard
        }
    }
}
