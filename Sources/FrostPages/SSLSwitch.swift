/// The choice on the Connect card of how clients verify the gateway's certificate.
package struct SSLSwitch: Sendable {
    /// `require` and `verify-full`; exactly one is current.
    package let modes: [SSLModeChoice]
    /// The protection of the current mode.
    package let sentence: String
    /// The certificate of the CA that clients must trust; nil if they need no file.
    package let authority: AuthorityDownload?

    /// - Parameters:
    ///   - isVerifyFull: which of the two is current.
    ///   - requireHref: the page with `require`.
    ///   - verifyFullHref: the page with `verify-full`.
    package init(isVerifyFull: Bool, requireHref: String, verifyFullHref: String, authority: AuthorityDownload?) {
        modes = [
            SSLModeChoice(name: "require", href: requireHref, isCurrent: !isVerifyFull),
            SSLModeChoice(name: "verify-full", href: verifyFullHref, isCurrent: isVerifyFull),
        ]
        self.authority = authority
        sentence =
            switch (isVerifyFull, authority == nil) {
            case (false, _):
                "Protects against eavesdropping, not against an impostor: the client does not check "
                    + "the certificate."
            case (true, false):
                "Protects against eavesdropping and against an impostor: the client checks the "
                    + "hostname and that Frost’s own CA issued the certificate."
            case (true, true):
                "Protects against eavesdropping and against an impostor: the client checks the "
                    + "hostname and that a CA known to its system issued the certificate."
            }
    }
}

/// One side of the switch.
package struct SSLModeChoice: Sendable {
    /// The value of `?ssl=` and libpq's `sslmode`.
    package let name: String
    package let href: String
    package let isCurrent: Bool
}

/// The download of a CA's certificate, and its file name in connection strings.
package struct AuthorityDownload: Sendable {
    package let href: String
    package let fileName: String

    package init(href: String, fileName: String) {
        self.href = href
        self.fileName = fileName
    }
}
