import BranchManager
import Foundation
import FrostServer

/// The CAs that the gateway's certificates lead to.
enum GatewayRoots {
    /// Of a client on this host.
    ///
    /// - Throws: ``BranchError/notAllowed(_:)`` when the certificates are to come from frost's own CA and its file is
    ///   not there.
    static func find(_ options: FrostOptions, _ store: BranchStore) throws -> CertificateRoots {
        guard try store.hasOwnCertificates() == true else { return .system }
        let file = URL(fileURLWithPath: options.dataDirectory).appendingPathComponent("ca/ca.crt").standardizedFileURL
            .path
        guard FileManager.default.isReadableFile(atPath: file) else {
            throw BranchError.notAllowed("there is no CA certificate at \(file); frost up makes it")
        }
        return .file(file)
    }
}
