package import BranchManager
package import Foundation
package import FrostCertificates
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Maintains one certificate for each name in a directory that the gateway reads: issues missing ones, renews due ones,
/// and removes those of deleted names.
///
/// Does not change certificates that were not issued by frost. Every call blocks.
package final class CertificateKeeper: Sendable {
    /// The changes of one check.
    package struct Changes: Hashable, Sendable {
        /// Names with a new certificate, with the reason.
        package var issued: [String: ReissueReason] = [:]
        /// Base names of removed files.
        package var removed: [String] = []
    }

    /// A valid pair, which is not read again as long as its files do not change.
    private struct Known {
        var files: [FileIdentity?]
        var due: Date
    }

    private struct State {
        var authority: CertificateAuthority?
        var authorityFiles: [FileIdentity?] = []
        var known: [String: Known] = [:]
        var told: Set<String> = []
    }

    package let place: CertificatePlace
    private let state = Mutex(State())
    private let report: @Sendable (String) -> Void

    /// - Parameter report: called once for each problem that needs the operator, with a sentence.
    package init(_ place: CertificatePlace, report: @escaping @Sendable (String) -> Void) {
        self.place = place
        self.report = report
    }

    /// The current CA, created if there never was one.
    ///
    /// - Throws: ``BranchError/store(_:)`` with the lost or damaged file, and a fix.
    @discardableResult
    package func open(at now: Date) throws(BranchError) -> CertificateAuthority {
        if let authority = try authority(at: now) { return authority }
        _ = try AuthorityFiles.make(place, at: now)
        report(
            "created a CA for the gateway's certificates, \(place.certificateFile); clients that use verify-full need this file"
        )
        guard let authority = try authority(at: now) else {
            throw .store("the CA in \(place.authority) is missing; restart \(place.program)")
        }
        return authority
    }

    /// Updates the directory for `names`.
    ///
    /// - Parameters:
    ///   - names: hostnames, optionally with a leading `*.`.
    ///   - removes: whether to remove certificates of other names.
    /// - Throws: ``BranchError/store(_:)``. Existing pairs stay.
    package func keep(_ names: Set<String>, removes: Bool, at now: Date) throws(BranchError) -> Changes {
        guard let authority = try authority(at: now) else {
            throw .store(
                "frost's CA, \(place.authority), is missing; restore it from a backup, or restart \(place.program) to create a new one"
            )
        }
        if authority.notAfter.timeIntervalSince(now) < CertificateAuthority.warning {
            tell(
                "frost's CA, \(place.certificateFile), expires on \(AuthorityFiles.day(authority.notAfter)). "
                    + AuthorityFiles.anew(place)
            )
        }
        try makeDirectory()
        var changes = Changes()
        for name in names.sorted() {
            if let reason = try keep(name, of: authority, at: now) { changes.issued[name] = reason }
        }
        if removes { changes.removed = try removeOthers(than: names) }
        if changes != Changes() { try WholeFile.sync(place.pairs) }
        return changes
    }

    /// Whether there is any certificate, so that the gateway can work without the CA.
    package var hasPairs: Bool { (try? AuthorityFiles.issued(in: place.pairs))?.isEmpty == false }

    /// The CA, read again when its files have changed; nil if there never was one.
    private func authority(at now: Date) throws(BranchError) -> CertificateAuthority? {
        let files = [place.certificateFile, place.keyFile].map { FileIdentity($0) }
        let known = state.withLock { $0.authorityFiles == files && !files.contains(nil) ? $0.authority : nil }
        if let known, known.notAfter > now { return known }
        let authority = try AuthorityFiles.load(place, at: now)
        let isChanged = state.withLock { state in
            defer { (state.authority, state.authorityFiles) = (authority, files) }
            return state.authority?.certificate.fingerprint != authority?.certificate.fingerprint
        }
        if isChanged { state.withLock { $0.known = [:] } }
        var found = stat()
        if stat(place.keyFile, &found) == 0, found.st_mode & 0o077 != 0 {
            tell(
                "other users can read the key of frost's CA and could impersonate any server: chmod 600 \(place.keyFile)"
            )
        }
        return authority
    }

    private func keep(
        _ name: String,
        of authority: CertificateAuthority,
        at now: Date
    ) throws(BranchError) -> ReissueReason? {
        let stem = "\(place.pairs)/\(CertificateNames.fileStem(of: name))"
        let paths = ["\(stem).crt", "\(stem).key"]
        let files = paths.map { FileIdentity($0) }
        if let known = state.withLock({ $0.known[name] }), known.files == files, known.due > now { return nil }
        let certificate = try WholeFile.read(paths[0])
        if let certificate, Self.isForeign(certificate) {
            tell("\(paths[0]) was not issued by frost; leaving it unchanged")
            return nil
        }
        let standing = authority.standing(
            certificatePEM: certificate,
            keyPEM: try WholeFile.read(paths[1]),
            name: name,
            at: now
        )
        switch standing {
        case .good(let due):
            try setAccess(of: paths[1])
            state.withLock { $0.known[name] = Known(files: paths.map { FileIdentity($0) }, due: due) }
            return nil
        case .reissue(let reason):
            let issued: CertificateAuthority.Issued
            do throws(CertificateFault) { issued = try authority.issue(name, at: now) } catch {
                throw .store("could not issue a certificate for \(name): \(error)")
            }
            // The key first: a gateway that starts in between finds and reports mismatched files; the next check fixes
            // that.
            try WholeFile.write(issued.keyPEM, to: paths[1], mode: keyMode, group: place.group)
            try WholeFile.write(issued.certificatePEM, to: paths[0], mode: 0o644)
            state.withLock { $0.known[name] = nil }
            return reason
        }
    }

    /// Whether it is a readable certificate that was not issued by frost.
    private static func isForeign(_ pem: String) -> Bool {
        pem.contains("-----BEGIN CERTIFICATE-----") && !CertificateAuthority.isOfSome(certificatePEM: pem)
            && CertificateAuthority.isCertificate(pem)
    }

    private func removeOthers(than names: Set<String>) throws(BranchError) -> [String] {
        let wanted = Set(names.map { "\(place.pairs)/\(CertificateNames.fileStem(of: $0)).crt" })
        var removed: [String] = []
        for path in try AuthorityFiles.issued(in: place.pairs, besides: wanted) {
            let stem = path.dropLast(".crt".count)
            // The key first: the certificate identifies the rest of an interrupted removal.
            for file in ["\(stem).key", path] where unlink(file) != 0 && errno != ENOENT {
                throw WholeFile.failure("remove", file)
            }
            removed.append(String(WholeFile.split(String(stem)).name))
        }
        state.withLock { state in
            for name in state.known.keys where !names.contains(name) { state.known[name] = nil }
        }
        return removed
    }

    private func makeDirectory() throws(BranchError) {
        let isShared = place.group != nil
        if mkdir(place.pairs, isShared ? 0o750 : 0o700) != 0 {
            // Keep certificates not issued by frost.
            if errno == EEXIST { return }
            throw WholeFile.failure("make", place.pairs)
        }
        if let group = place.group, chown(place.pairs, uid_t.max, group) != 0 || chmod(place.pairs, 0o750) != 0 {
            throw WholeFile.failure("give away", place.pairs)
        }
    }

    private var keyMode: mode_t {
        var found = stat()
        let takesGroup = stat(place.pairs, &found) == 0 && found.st_mode & mode_t(S_ISGID) != 0
        return place.group != nil || takesGroup ? 0o640 : 0o600
    }

    /// The gateway's account may have changed since the key was written.
    private func setAccess(of path: String) throws(BranchError) {
        var found = stat()
        guard stat(path, &found) == 0 else { throw WholeFile.failure("read", path) }
        if let group = place.group, found.st_gid != group, chown(path, uid_t.max, group) != 0 {
            throw WholeFile.failure("give away", path)
        }
        let mode = keyMode
        if found.st_mode & 0o7777 != mode, chmod(path, mode) != 0 { throw WholeFile.failure("give away", path) }
    }

    /// Reports an error of issuing certificates.
    package func reportFault(_ error: BranchError) {
        report("\(error); the gateway keeps its certificates, and new hostnames get none")
    }

    func reportEnd() { report("issuing certificates again") }

    private func tell(_ sentence: String) {
        if state.withLock({ $0.told.insert(sentence).inserted }) { report(sentence) }
    }
}
