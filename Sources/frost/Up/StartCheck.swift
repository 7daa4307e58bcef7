import ArgumentParser
import BranchManager
import CertificateKeeper
import Foundation
import FrostCertificates
import FrostServer
import GatewayContract
import NIOCore
import Subprocess
import SystemPackage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Checks the requirements of `frost up` before it creates a store or starts a server, so that a failed start leaves
/// nothing running.
enum StartCheck {
    /// The exit code for a port in use by another program.
    static let portTaken = GatewayExitCode.portInUse

    /// - Throws: `ExitCode`; the reason has been printed.
    static func run(api: FrostServer.Address?, gateway: GatewayChild?, addresses: String?, port: Int) async throws {
        if let api, api.port != 0, isTaken(api.port, of: [api.host]) {
            ErrorOutput.print(
                "the API cannot listen on \(api.host):\(api.port): \(String(cString: strerror(EADDRINUSE))); choose another "
                    + "with --api-address, or none"
            )
            throw ExitCode(portTaken)
        }
        guard let gateway else { return }
        try await gateway.check()
        let hosts = addresses?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } ?? ["0.0.0.0"]
        // A gateway left by an earlier `frost up` is ended by this one.
        guard !gateway.isLeftOver, isTaken(port, of: hosts) else { return }
        ErrorOutput.print(
            "the gateway cannot listen on port \(port): another program uses it; choose another with --port"
        )
        throw ExitCode(portTaken)
    }

    /// Whether another program listens on a port. Other obstacles are left to the program that will listen there: it
    /// may have more rights than this process.
    private static func isTaken(_ port: Int, of hosts: [String]) -> Bool {
        hosts.contains { host in
            guard let address = try? SocketAddress(ipAddress: host, port: port) else { return false }
            let family = address.protocol == .inet6 ? AF_INET6 : AF_INET
            let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return false }
            defer { close(descriptor) }
            // Treat ports with closing connections as free, as the gateway does.
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            let bound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
            return bound != 0 && errno == EADDRINUSE
        }
    }
}

extension GatewayChild {
    /// Limit of the gateway's messages about its settings, in bytes.
    private static let longestError = 64 * 1_024

    /// Runs the gateway's own check of settings and certificates, without listening, under its future account.
    ///
    /// - Throws: the gateway's exit code when it cannot use them, after printing its messages.
    func check() async throws {
        if given.hasOwnCertificates { return try await checkOwn() }
        guard let account else {
            var settings = given
            // Frost writes the map later; the current file may contain anything.
            settings.routeFile = "\(directory)/routes.json.unwritten"
            return try await check(settings) { $0 }
        }
        try await account.check(program: program(), environment: Self.environment(environment))
        let place = try Self.makePlace(for: account)
        defer { try? FileManager.default.removeItem(atPath: place) }
        // Only root may be able to read the operator's files.
        let certificates = GatewayCertificates(given, for: account, in: place)
        do throws(BranchError) {
            try await certificates.copy()
        } catch {
            ErrorOutput.print("\(error)")
            throw ExitCode(GatewayExitCode.configuration)
        }
        var settings = certificates.settings(given)
        settings.routeFile = "\(place)/routes.json.unwritten"
        try await check(settings) { certificates.withOperatorsNames($0) }
    }

    /// As ``check()``, with a temporary certificate: those of the own CA are not issued yet.
    private func checkOwn() async throws {
        try await account?.check(program: program(), environment: Self.environment(environment))
        let place = try Self.makePlace(for: account)
        defer { try? FileManager.default.removeItem(atPath: place) }
        let keeper = CertificateKeeper(CertificatePlace(dataDirectory: place, group: account?.gid)) { _ in }
        try keeper.open(at: .now)
        _ = try keeper.keep([CertificateNames.fallback(base: nil)], removes: false, at: .now)
        var settings = given
        settings.certDir = keeper.place.pairs
        settings.routeFile = "\(place)/routes.json.unwritten"
        try await check(settings) { $0 }
    }

    /// - Parameter naming: maps file names back to those the operator knows.
    private func check(_ settings: Settings, naming: (String) -> String) async throws {
        let command = (account?.command(port: port) ?? []) + [try program(), "check"]
        let result = try await Subprocess.run(
            account == nil ? .path(FilePath(command[0])) : .name(command[0]),
            arguments: Arguments(Array(command.dropFirst())),
            environment: Self.environment(environment(settings)),
            input: .none,
            output: .discarded,
            error: .string(limit: Self.longestError)
        )
        guard case .exited(let code) = result.terminationStatus, code != 0 else { return }
        Output.write(naming(result.standardError), to: STDERR_FILENO)
        throw ExitCode(code)
    }

    /// A directory for temporary copies of certificates: in memory if possible, and accessible to the account, unlike
    /// root's own directory for temporary files.
    ///
    /// - Throws: ``BranchError/store(_:)``.
    private static func makePlace(for account: GatewayAccount?) throws(BranchError) -> String {
        var reason = ""
        for parent in ["/run", "/tmp"] {
            var template = Array("\(parent)/frost-check.XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else {
                reason = String(cString: strerror(errno))
                continue
            }
            let place = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let account else { return place }
            if chown(place, 0, account.gid) == 0, chmod(place, 0o750) == 0 { return place }
            reason = String(cString: strerror(errno))
            rmdir(place)
        }
        throw .store("could not create a directory in /run or /tmp to check the gateway's settings: \(reason)")
    }
}
