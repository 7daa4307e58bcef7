package import GatewayCore
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension DialFailure {
    /// - Parameter error: of a connect, as NIO reports it.
    package init(_ error: any Error) {
        switch error {
        case ChannelError.connectTimeout: self = .timeout
        case let error as IOError: self = Self.named(error.errnoCode)
        default: self = .other
        }
    }

    /// Errors of connect(2) and socket(2).
    private static func named(_ code: CInt) -> DialFailure {
        switch code {
        case ECONNREFUSED: .refused
        case ETIMEDOUT: .timeout
        case ECONNRESET, ECONNABORTED, EPIPE: .reset
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EAFNOSUPPORT: .noRoute
        case EADDRNOTAVAIL: .noLocalAddress
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: .exhausted
        default: .other
        }
    }
}
