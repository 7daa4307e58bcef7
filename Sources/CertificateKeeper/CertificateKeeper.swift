package import BranchManager
package import Foundation
package import FrostCertificates
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Keeps one certificate for each name in a directory that the gateway reads: issues those that are missing, renews those
/// that are due, and takes away those of names that are gone.
///
/// Files that no frost's CA has issued are somebody else's, and are left alone. Every call blocks.
package final class CertificateKeeper: Sendable {
    /// What one look led to.
    package struct Changes: Hashable, Sendable {
        /// Names that got a certificate, with the reason.
        package var issued: [String: ReissueReason] = [:]
        /// Files that were taken away, by what they are called without an ending.
        package var removed: [String] = []
    }

    /// A pair that was found good: as long as its files are the same, it need not be read again.
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

    /// - Parameter report: is given, once each, sentences on what people should know of and nothing is done about.
    package init(_ place: CertificatePlace, report: @escaping @Sendable (String) -> Void) {
        self.place = place
        self.report = report
    }

    /// The CA that is in force, made if there has never been one.
    ///
    /// - Throws: ``BranchError/store(_:)`` that names the file that is lost or damaged, and says what to do.
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

    /// Has the directory say what `names` ask for.
    ///
    /// - Parameters:
    ///   - names: a hostname, or `*.` and one, each.
    ///   - removes: whether certificates of other names are taken away.
    /// - Throws: ``BranchError/store(_:)``. Pairs that are there stay.
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

    /// Whether there is a certificate at all: a gateway can do without the CA as long as there is.
    package var hasPairs: Bool { (try? AuthorityFiles.issued(in: place.pairs))?.isEmpty == false }

    /// The CA as its files have it, read when they have changed; nil when there has never been one.
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
            // The key first: a gateway that starts between the two finds files that do not fit, and says so; the next
            // look makes that good.
            try WholeFile.write(issued.keyPEM, to: paths[1], mode: keyMode, group: place.group)
            try WholeFile.write(issued.certificatePEM, to: paths[0], mode: 0o644)
            state.withLock { $0.known[name] = nil }
            return reason
        }
    }

    /// Whether it is the certificate of somebody else: one that can be read, and no frost's CA has issued.
    private static func isForeign(_ pem: String) -> Bool {
        pem.contains("-----BEGIN CERTIFICATE-----") && !CertificateAuthority.isOfSome(certificatePEM: pem)
            && CertificateAuthority.isCertificate(pem)
    }

    private func removeOthers(than names: Set<String>) throws(BranchError) -> [String] {
        let wanted = Set(names.map { "\(place.pairs)/\(CertificateNames.fileStem(of: $0)).crt" })
        var removed: [String] = []
        for path in try AuthorityFiles.issued(in: place.pairs, besides: wanted) {
            let stem = path.dropLast(".crt".count)
            // The key first: what is left of a removal that was cut off is known by its certificate.
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
            // Somebody else's is left as it is.
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

    /// The gateway's account may be another one than when the key was written.
    private func setAccess(of path: String) throws(BranchError) {
        var found = stat()
        guard stat(path, &found) == 0 else { throw WholeFile.failure("read", path) }
        if let group = place.group, found.st_gid != group, chown(path, uid_t.max, group) != 0 {
            throw WholeFile.failure("give away", path)
        }
        let mode = keyMode
        if found.st_mode & 0o7777 != mode, chmod(path, mode) != 0 { throw WholeFile.failure("give away", path) }
    }

    /// Says what keeps certificates from being issued.
    package func reportFault(_ error: BranchError) {
        report("\(error); the gateway keeps its certificates, and new hostnames get none")
    }

    func reportEnd() { report("issuing certificates again") }

    private func tell(_ sentence: String) {
        if state.withLock({ $0.told.insert(sentence).inserted }) { report(sentence) }
    }
}
