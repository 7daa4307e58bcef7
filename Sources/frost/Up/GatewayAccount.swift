import BranchManager
import Foundation
import Subprocess
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Whom the gateway runs as when frost is root: strangers reach it, so it has none of root's rights before it listens.
struct GatewayAccount: Sendable {
    let name: String
    let uid: uid_t
    let gid: gid_t

    /// The first of these that the host has: `postgres-gateway` is made by the gateway's installer.
    private static let users = ["postgres-gateway", "nobody"]
    /// Ports below this are root's, where the kernel does not say otherwise.
    private static let defaultFirstFreePort = 1_024

    /// - Returns: nil when this process is not root, and has no rights to give up.
    /// - Throws: ``BranchError/invalid(_:)`` when the host has no such user.
    static func find() throws(BranchError) -> GatewayAccount? {
        guard geteuid() == 0 else { return nil }
        for user in users {
            guard let entry = getpwnam(user), entry.pointee.pw_uid != 0 else { continue }
            return GatewayAccount(name: user, uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid)
        }
        throw .invalid("no user exists to run the gateway; create one: adduser --system --group \(users[0])")
    }

    /// The group of a gateway that is a unit of its own; nil where its installer has made none, or this process is not
    /// root and can give nothing away.
    static func unitGroup() -> gid_t? {
        guard geteuid() == 0, let entry = getpwnam(users[0]), entry.pointee.pw_uid != 0 else { return nil }
        return entry.pointee.pw_gid
    }

    /// What runs a program as this account, with no capability but that of listening on a low port, and none to be had.
    func command(port: Int) -> [String] {
        let kept = port < Self.firstFreePort ? ",+net_bind_service" : ""
        return [
            "setpriv", "--reuid=\(uid)", "--regid=\(gid)", "--clear-groups", "--inh-caps=-all\(kept)",
            "--ambient-caps=-all\(kept)", "--bounding-set=-all\(kept)", "--no-new-privs", "--",
        ]
    }

    private static var firstFreePort: Int {
        let text = try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding: .utf8)
        return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? defaultFirstFreePort
    }

    /// Asks whether this account can run a gateway's program.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` with what it said.
    func check(program: String, environment: Environment) async throws(BranchError) {
        guard let said = await failure(of: [program, "version"], environment) else { return }
        throw .invalid("the gateway's user '\(name)' cannot run \(program): \(said)")
    }

    /// Asks whether this account can reach the directory of a route map.
    ///
    /// - Throws: ``BranchError/invalid(_:)``.
    func check(routeFile: String, environment: Environment) async throws(BranchError) {
        let place = (routeFile as NSString).deletingLastPathComponent
        guard await failure(of: ["test", "-x", place], environment) != nil else { return }
        throw .invalid(
            "the gateway's user '\(name)' cannot read the route map in \(place); use a data directory "
                + "that other users can enter (chmod o+x)"
        )
    }

    /// - Returns: nil for a program that succeeds, else what it said.
    private func failure(of command: [String], _ environment: Environment) async -> String? {
        do {
            let result = try await Subprocess.run(
                .name("setpriv"),
                arguments: Arguments(Array((self.command(port: Int(UInt16.max)) + command).dropFirst())),
                environment: environment,
                input: .none,
                output: .discarded,
                error: .string(limit: 64 * 1_024)
            )
            if result.terminationStatus.isSuccess { return nil }
            return result.standardError.split(separator: "\n").suffix(2).joined(separator: "; ")
        } catch {
            return "setpriv: \(error)"
        }
    }
}
