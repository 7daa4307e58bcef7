package import Foundation
package import GatewayContract

/// What a certificate is worth at one time.
package enum CertificateValidity: String, CaseIterable, Sendable {
    case valid
    /// It runs out within ``CertificateValidity/warning``.
    case expiresSoon = "expires_soon"
    case expired
    case notYetValid = "not_yet_valid"
    /// Its dates are none that can be read.
    case unknown

    /// In seconds: two weeks, as the gateway's readiness has it.
    static let warning: TimeInterval = 14 * 24 * 3_600

    /// Whether clients that look at dates take it.
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

    /// Whether a client that verifies takes it for this hostname now: it is in date, and has that very name or a
    /// wildcard for its whole first label (RFC 9525, section 6.3); in upper or lower case, which is the same.
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
