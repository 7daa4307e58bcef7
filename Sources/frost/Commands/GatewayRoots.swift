import BranchManager
import CertificateKeeper
import Foundation
import FrostServer

/// The CAs of the gateway's certificates.
enum GatewayRoots {
    /// Of a client on this host.
    ///
    /// - Throws: ``BranchError/notAllowed(_:)`` when frost's own CA issues the certificates, and its file is missing.
    static func find(_ options: FrostOptions, _ store: BranchStore) throws -> CertificateRoots {
        guard try store.hasOwnCertificates() == true else { return .system }
        let directory = URL(fileURLWithPath: options.dataDirectory).standardizedFileURL.path
        let file = CertificatePlace(dataDirectory: directory).certificateFile
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw BranchError.notAllowed(
                "could not read the CA's certificate \(file); see: \(next: options.command("ca"))"
            )
        }
        return .file(file)
    }
}
