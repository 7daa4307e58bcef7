import AsyncHTTPClient
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension DockerEngine {
    /// The cause of a failed engine request, from the error of the system or the client.
    static func fault(_ error: any Error, socket: String) -> BranchError {
        if let error = error as? IOError {
            switch error.errnoCode {
            case ENOENT, ECONNREFUSED, ENOTSOCK, ENOTDIR:
                return .runtime(
                    "no Docker engine at \(socket); start it, or use --runtime local"
                )
            case EACCES, EPERM:
                return .runtime(
                    "permission denied by the Docker engine at \(socket); run frost as root or as a member of the group docker"
                )
            default:
                return .runtime(
                    "could not connect to the Docker engine at \(socket): \(String(cString: strerror(error.errnoCode)))"
                )
            }
        }
        if let error = error as? HTTPClientError,
            [.connectTimeout, .readTimeout, .deadlineExceeded].contains(error)
        {
            return .runtime("the Docker engine at \(socket) does not answer; restart it")
        }
        return .runtime("unexpected response from \(socket), which may not be a Docker engine: \(error)")
    }
}
