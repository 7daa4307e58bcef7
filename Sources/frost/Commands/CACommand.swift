import ArgumentParser
import BranchManager
import CertificateKeeper
import Foundation
import FrostCertificates
import X509

/// `frost ca`
struct CACommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract: "Print the certificate of frost's own CA, which clients need for sslmode=verify-full.",
        discussion: """
            frost up creates it on its first start, unless you pass certificates. Give it to clients as \
            sslrootcert; it is not a secret. Works whether or not frost is running.
            """
    )

    @OptionGroup(title: "Global options") var options: FrostOptions
    @Option(help: "Write it to this file; an existing certificate is replaced.") var out: String?

    private struct Shown: Encodable {
        var certificate: String
        var fingerprint: String
        var notAfter: Date
        var path: String
    }

    func run() async throws {
        try await ErrorOutput.exiting(options) {
            let shown = try certificate()
            if let out { try write(shown.certificate, to: out) }
            if options.json {
                try Output.json(shown)
            } else {
                if out == nil { print(shown.certificate, terminator: "") }
                try Output.flush()
                ErrorOutput.print(
                    "SHA-256 \(shown.fingerprint), valid until \(shown.notAfter.formatted(.iso8601.year().month().day()))"
                )
            }
            if (try? FrostContext.store(options).hasOwnCertificates()) == false {
                ErrorOutput.print(
                    "frost up was last started with other certificates: clients need the CA that issued those"
                )
            }
        }
    }

    private func certificate() throws(BranchError) -> Shown {
        let directory = URL(fileURLWithPath: options.dataDirectory).standardizedFileURL.path
        let place = CertificatePlace(dataDirectory: directory)
        guard let text = try WholeFile.read(place.certificateFile) else {
            throw .notFound(
                "frost has no CA: \(place.certificateFile) does not exist. frost up creates it unless you pass "
                    + "certificates. With your own certificates, clients need the CA that issued them, or "
                    + "sslrootcert=system for a public CA"
            )
        }
        do throws(CertificateFault) {
            let certificate = try CertificateAuthority.readCertificate(text)
            return Shown(
                certificate: text,
                fingerprint: certificate.fingerprint,
                notAfter: certificate.notValidAfter,
                path: place.certificateFile
            )
        } catch {
            throw .store(
                "\(place.certificateFile) is damaged: it is not a CA certificate in PEM form; restore it from a backup, "
                    + "or from a client that has a copy"
            )
        }
    }

    /// Replaces certificates only, so that a mistyped path destroys no other file.
    private func write(_ text: String, to path: String) throws(BranchError) {
        let path = URL(fileURLWithPath: path).standardizedFileURL.path
        if let present = try WholeFile.read(path), !CertificateAuthority.isCertificate(present) {
            throw .exists("\(path) exists and is not a certificate; choose another file with --out")
        }
        try WholeFile.write(text, to: path, mode: 0o644)
    }
}
