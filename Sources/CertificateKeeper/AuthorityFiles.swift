package import BranchManager
package import Foundation
package import FrostCertificates

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The stored CA: `ca.crt` and `ca.key`. Blocking.
///
/// It is created once, and never replaced automatically: clients have its certificate, and would refuse those of a new
/// CA.
package enum AuthorityFiles {
    /// Loads the CA.
    ///
    /// - Returns: nil if there never was one.
    /// - Throws: ``BranchError/store(_:)`` with the lost or damaged file, and a fix.
    package static func load(_ place: CertificatePlace, at now: Date) throws(BranchError) -> CertificateAuthority? {
        guard isDirectory(place.authority) else {
            guard let orphan = try issued(in: place.pairs).first else { return nil }
            throw .store(
                "the directory of frost's CA, \(place.authority), is missing, but it issued \(orphan); restore it from "
                    + "a backup. \(anew(place))"
            )
        }
        let certificate = try WholeFile.read(place.certificateFile)
        let key = try WholeFile.read(place.keyFile)
        guard let certificate else {
            throw .store(
                "the certificate of frost's CA, \(place.certificateFile), is missing; restore it: every client that uses "
                    + "verify-full has a copy. \(anew(place))"
            )
        }
        guard let key else {
            throw .store(
                "the key of frost's CA, \(place.keyFile), is missing; restore it from a backup: without it, no certificate "
                    + "can be issued or renewed. \(anew(place))"
            )
        }
        do throws(CertificateFault) {
            return try CertificateAuthority(certificatePEM: certificate, keyPEM: key, at: now)
        } catch {
            throw .store("\(sentence(for: error, place))")
        }
    }

    /// Creates a CA atomically, even if the power fails.
    ///
    /// - Throws: ``BranchError/store(_:)``.
    static func make(_ place: CertificatePlace, at now: Date) throws(BranchError) -> CertificateAuthority {
        let (authority, certificate) = try made(at: now)
        let new = place.newAuthority
        try? FileManager.default.removeItem(atPath: new)
        guard mkdir(new, 0o755) == 0, chmod(new, 0o755) == 0 else { throw WholeFile.failure("make", new) }
        let files = CertificatePlace(authority: new, like: place)
        try WholeFile.write(authority.keyPEM, to: files.keyFile, mode: 0o600)
        try WholeFile.write(certificate, to: files.certificateFile, mode: 0o644)
        try WholeFile.sync(new)
        guard rename(new, place.authority) == 0 else { throw WholeFile.failure("make", place.authority) }
        try WholeFile.sync(String(WholeFile.split(place.authority).directory))
        return authority
    }

    private static func made(at now: Date) throws(BranchError) -> (CertificateAuthority, String) {
        do throws(CertificateFault) {
            let authority = try CertificateAuthority.make(for: hostName, at: now)
            return (authority, try authority.certificatePEM())
        } catch {
            throw .store("could not create a CA: \(error)")
        }
    }

    /// Certificates issued by the CA of any frost, by path.
    ///
    /// - Parameter known: files to skip.
    static func issued(in directory: String, besides known: Set<String> = []) throws(BranchError) -> [String] {
        var paths: [String] = []
        for name in ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
        where name.hasSuffix(".crt") && !name.hasPrefix(".") {
            let path = "\(directory)/\(name)"
            if known.contains(path) { continue }
            // Treat an unreadable file as not issued by frost.
            let text = (try? WholeFile.read(path)) ?? ""
            if CertificateAuthority.isOfSome(certificatePEM: text) { paths.append(path) }
        }
        return paths
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    private static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func sentence(for fault: CertificateFault, _ place: CertificatePlace) -> String {
        switch fault {
        case .certificateUnreadable:
            "the certificate of frost's CA, \(place.certificateFile), is damaged: it is not a certificate in PEM form; "
                + "restore it: every client that uses verify-full has a copy. \(anew(place))"
        case .keyUnreadable:
            "the key of frost's CA, \(place.keyFile), is damaged: it is not an ECDSA P-256 key in PEM form; restore it from "
                + "a backup. \(anew(place))"
        case .notAuthority:
            "the certificate in \(place.certificateFile) is not a P-256 CA certificate; restore the one created by frost. "
                + anew(place)
        case .otherKey:
            "\(place.keyFile) is not the key of \(place.certificateFile); restore a matching pair. "
                + anew(place)
        case .expired(let date):
            "frost's CA, \(place.certificateFile), expired on \(day(date)). \(anew(place))"
        case .unmakeable(let reason):
            "frost's CA in \(place.authority) is invalid: \(reason)"
        }
    }

    /// How to create a new CA. Never done automatically: clients that verify certificates could no longer connect.
    static func anew(_ place: CertificatePlace) -> String {
        "To create a new CA, whose ca.crt every client that uses verify-full then needs, remove \(place.authority) and "
            + "its certificates in \(place.pairs), and restart \(place.program)"
    }

    static func day(_ date: Date) -> String { date.formatted(.iso8601.year().month().day()) }
}

extension CertificatePlace {
    fileprivate init(authority: String, like other: CertificatePlace) {
        self = other
        self.authority = authority
    }
}
