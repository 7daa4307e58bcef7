import BranchManager
import CertificateKeeper
import Foundation
import FrostCertificates
import FrostServer

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The certificates of a `frost up` without certificate options: those of frost's own CA.
struct OwnCertificates: Sendable {
    private let keeper: CertificateKeeper

    /// - Parameter directory: of frost's data.
    /// - Throws: ``BranchError/invalid(_:)`` when there is no account for the gateway.
    init(_ up: Up, in directory: String) throws(BranchError) {
        let place = CertificatePlace(
            dataDirectory: directory,
            pairs: Self.directory(of: up, in: directory),
            group: up.gateway ? try GatewayAccount.find()?.gid : GatewayAccount.unitGroup()
        )
        keeper = CertificateKeeper(place) { ErrorOutput.print($0) }
    }

    /// The directory for issued certificates; absolute. Those of a temporary CA are beside it.
    static func directory(of up: Up, in directory: String) -> String {
        let variable = up.temporary ? nil : ProcessInfo.processInfo.environment["FROST_OWN_CERT_DIR"]
        let given = up.ownCertDir ?? variable.flatMap { $0.isEmpty ? nil : $0 }
        let path = given ?? CertificatePlace(dataDirectory: directory).pairs
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// Reports problems that leave the gateway without a certificate, before anything is created. A lost CA is not such
    /// a problem as long as there are certificates it has issued.
    ///
    /// - Throws: ``BranchError/store(_:)``.
    func check() throws(BranchError) {
        do throws(BranchError) {
            _ = try AuthorityFiles.load(keeper.place, at: .now)
        } catch {
            if !keeper.hasPairs { throw error }
        }
    }

    /// Creates the CA on the first start, and issues certificates that are missing or due.
    ///
    /// - Returns: nil when the CA is lost: the gateway keeps its certificates, and the loss is reported.
    /// - Throws: ``BranchError/store(_:)`` when there is no certificate at all.
    func begin(_ context: FrostContext) throws(BranchError) -> CertificateAuthorityInfo? {
        do throws(BranchError) {
            let authority = try keeper.open(at: .now)
            let wanted = try CertificateKeeper.Wanted(context.store, routeFile: context.routeFile)
            _ = try keeper.keep(wanted.names, removes: wanted.isComplete, at: .now)
            return try CertificateAuthorityInfo(authority, in: keeper.place)
        } catch {
            guard keeper.hasPairs else { throw error }
            keeper.reportFault(error)
            return nil
        }
    }

    /// Until the task is cancelled.
    func follow(_ context: FrostContext) async {
        await keeper.follow(context.store, routeFile: context.routeFile)
    }
}

extension CertificateAuthorityInfo {
    init(_ authority: CertificateAuthority, in place: CertificatePlace) throws(BranchError) {
        do throws(CertificateFault) {
            self.init(
                pem: try authority.certificatePEM(),
                fingerprint: authority.certificate.fingerprint,
                notAfter: authority.notAfter,
                file: place.certificateFile
            )
        } catch {
            throw .store("could not encode the certificate of frost's CA: \(error)")
        }
    }
}
