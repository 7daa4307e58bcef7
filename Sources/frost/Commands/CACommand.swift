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
            frost up makes it on its first start without certificates of yours. Give it to clients as \
            sslrootcert; it is no secret. Works whether frost runs or not.
            """
    )

    @OptionGroup(title: "Global options") var options: FrostOptions
    @Option(help: "Write it to this file instead, which may be a certificate that is there already.") var out: String?

    private struct Shown: Encodable {
        var certificate: String
        var fingerprint: String
        var notAfter: Date
        var path: String
    }

    func run() async throws {
        try await Complaint.exiting(options) {
            let shown = try certificate()
            if let out { try write(shown.certificate, to: out) }
            if options.json {
                try Output.json(shown)
            } else {
                if out == nil { print(shown.certificate, terminator: "") }
                try Output.flush()
                Complaint.print(
                    "SHA-256 \(shown.fingerprint), valid until \(shown.notAfter.formatted(.iso8601.year().month().day()))"
                )
            }
            if (try? FrostContext.store(options).hasOwnCertificates()) == false {
                Complaint.print(
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
                "there is no CA of frost's: \(place.certificateFile) does not exist. frost up makes it when it is given "
                    + "no certificates; with certificates of yours, clients need the CA that issued them, and none for a "
                    + "public one (sslrootcert=system)"
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
                "\(place.certificateFile) is damaged: it is no certificate of a CA in PEM form; put it back from a backup, "
                    + "or from a client that has a copy"
            )
        }
    }

    /// Over a certificate only: a path that was mistyped costs nobody a file.
    private func write(_ text: String, to path: String) throws(BranchError) {
        let path = URL(fileURLWithPath: path).standardizedFileURL.path
        if let present = try WholeFile.read(path), !CertificateAuthority.isCertificate(present) {
            throw .exists("\(path) is there already and is no certificate; give another file with --out")
        }
        try WholeFile.write(text, to: path, mode: 0o644)
    }
}
