#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Runs the servers of branches in systemd scopes: each in its own, outside of the unit or login that starts it. A
/// restart of frost then does not end them, and a shutdown of the host stops them in fast mode.
///
/// The systemd part is in a script installed by `install.sh --with-frost`; without it, a server stays in the unit that
/// starts it.
package struct ServerUnits: Sendable {
    /// `servers.sh run PROGRAM ARGUMENT...` runs a program in a new scope, and ends as it does.
    package static let script = "/usr/local/lib/frost/servers.sh"
    /// There while systemd is the host's first process (sd_booted(3)).
    private static let sign = "/run/systemd/system"

    private let script: String

    package init(script: String) { self.script = script }

    /// - Returns: nil if this process is not root, systemd is not running, or the script is not installed.
    package static func find(script: String = script) -> ServerUnits? {
        guard geteuid() == 0, access(sign, F_OK) == 0, access(script, X_OK) == 0 else { return nil }
        return ServerUnits(script: script)
    }

    /// The prefix of a command that starts a server.
    var command: [String] { [script, "run"] }
}
