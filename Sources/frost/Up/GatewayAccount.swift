import BranchManager
import Foundation
import Subprocess
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The gateway's account when frost is root. Anyone can connect to the gateway, so it drops root's rights before it
/// listens.
struct GatewayAccount: Sendable {
    let name: String
    let uid: uid_t
    let gid: gid_t

    /// The first of these users that exists; the gateway's installer creates `postgres-gateway`.
    private static let users = ["postgres-gateway", "nobody"]
    /// Ports below this are reserved for root, unless the kernel is configured otherwise.
    private static let defaultFirstFreePort = 1_024

    /// - Returns: nil when this process is not root, so has no rights to drop.
    /// - Throws: ``BranchError/invalid(_:)`` when the host has no such user.
    static func find() throws(BranchError) -> GatewayAccount? {
        guard geteuid() == 0 else { return nil }
        for user in users {
            guard let entry = getpwnam(user), entry.pointee.pw_uid != 0 else { continue }
            return GatewayAccount(name: user, uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid)
        }
        throw .invalid("no user exists to run the gateway; create one: adduser --system --group \(users[0])")
    }

    /// The group of a separate gateway unit; nil if its installer created none, or this process is not root and cannot
    /// change groups.
    static func unitGroup() -> gid_t? {
        guard geteuid() == 0, let entry = getpwnam(users[0]), entry.pointee.pw_uid != 0 else { return nil }
        return entry.pointee.pw_gid
    }

    /// Prefix of a command that runs as this account, with no capability except to listen on a low port.
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

    /// Checks that this account can run the gateway's program.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` with its message.
    func check(program: String, environment: Environment) async throws(BranchError) {
        guard let said = await failure(of: [program, "version"], environment) else { return }
        throw .invalid("the gateway's user '\(name)' cannot run \(program): \(said)")
    }

    /// Checks that this account can enter the directory of a route map.
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

    /// - Returns: nil for a program that succeeds, else its message.
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
