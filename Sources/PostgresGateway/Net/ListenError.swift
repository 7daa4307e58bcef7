import GatewayContract
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why an address cannot be listened on, and which variable moves it.
package struct ListenError: Error, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        case portInUse
        /// The host has no such address, or not this family of addresses.
        case unavailable
        /// The port is one of those that only a privileged process may use.
        case notPermitted
        case other(String)
    }

    package let kind: Kind
    private let address: String
    private let port: Int
    private let portVariable: GatewayVariable
    private let addressVariable: GatewayVariable

    init(
        _ error: any Error,
        address: String,
        port: Int,
        portVariable: GatewayVariable,
        addressVariable: GatewayVariable
    ) {
        kind =
            switch (error as? IOError)?.errnoCode {
            case EADDRINUSE: .portInUse
            case EADDRNOTAVAIL, EAFNOSUPPORT: .unavailable
            case EACCES: .notPermitted
            default: .other("\(error)")
            }
        self.address = address
        self.port = port
        self.portVariable = portVariable
        self.addressVariable = addressVariable
    }

    package var description: String {
        let portName = "\(portVariable.environmentName) (\(portVariable.flag))"
        switch kind {
        case .portInUse:
            let usual =
                portVariable == .port ? "usually by a PostgreSQL server on this host" : "perhaps by another gateway"
            return "port \(port) on \(address) is already in use, \(usual); "
                + "stop that program (find it with ss -ltnp 'sport = :\(port)') or set \(portName) to another port"
        case .unavailable:
            return "cannot listen on port \(port) of \(address): this host does not have that address (yet); "
                + "check \(addressVariable.environmentName)"
        case .notPermitted:
            return "not permitted to listen on port \(port) of \(address): ports below 1024 need CAP_NET_BIND_SERVICE; "
                + "run install.sh --enable --port \(port) to grant it to the service, or set \(portName) to another port"
        case .other(let reason):
            return "cannot listen on port \(port) of \(address): \(reason); check \(portName)"
        }
    }
}
