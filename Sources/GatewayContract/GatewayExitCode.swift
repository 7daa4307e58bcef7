/// How the gateway's process ends when it is neither stopped (0) nor failed in some other way (1): `sysexits.h`, and
/// errno 98 for EADDRINUSE.
package enum GatewayExitCode {
    /// A listener died and could not be opened again; a supervisor may start the gateway anew.
    package static let listenerLost: Int32 = 71
    /// A setting, certificate or key cannot be used; nothing but a change of it helps.
    package static let configuration: Int32 = 78
    /// Another program has the port.
    package static let portInUse: Int32 = 98
}
