#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Where systemd keeps the servers of this host's branches: each in a scope of its own, outside of the unit or the login
/// that happens to start it. A restart of frost then ends none, and a host that shuts down stops them in fast mode.
///
/// All that is systemd's is in a script that `install.sh --with-frost` puts in place; without it a server stays where
/// it is started.
package struct ServerUnits: Sendable {
    /// `servers.sh run PROGRAM ARGUMENT...` runs a program in a new scope, and ends as it does.
    package static let script = "/usr/local/lib/frost/servers.sh"
    /// There while systemd is the host's first process (sd_booted(3)).
    private static let sign = "/run/systemd/system"

    private let script: String

    package init(script: String) { self.script = script }

    /// - Returns: nil where servers stay where they are started: this process is not root, systemd does not run, or the
    ///   script is not installed.
    package static func find(script: String = script) -> ServerUnits? {
        guard geteuid() == 0, access(sign, F_OK) == 0, access(script, X_OK) == 0 else { return nil }
        return ServerUnits(script: script)
    }

    /// What a command that starts a server begins with.
    var command: [String] { [script, "run"] }
}
