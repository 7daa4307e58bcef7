import ArgumentParser
import BranchManager
import CVersion
import Foundation
import FrostServer
import GatewayContract
import Logging
import NIOCore
import RouteMap
import RouteSync
import ServiceNotify

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// `frost up`
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run branches and the gateway until Ctrl-C.",
        discussion: """
            Recovers interrupted operations, starts branches that should run, writes the route map \
            and runs the gateway. The first start creates a project `shop` with the branches main \
            and dev. Branches keep running when this ends; --temporary removes them and all state.

            Ctrl-C finishes running operations and drains the gateway's sessions; a second one closes \
            the sessions; a third ends frost at once, and the next start finishes or undoes the \
            operations.

            Unless you pass certificates, frost keeps its own CA and issues a certificate for every \
            project, also for a separate gateway unit; frost ca prints what clients need \
            for sslmode=verify-full.

            As a service of Type=notify it reports readiness once the branches that should run have been started \
            and the page is served.
            """
    )

    @OptionGroup(title: "Global options") var options: FrostOptions
    @Option(help: "The gateway's port. (default: the stored setting, else 5432)") var port: Int?
    @Option(help: "IP addresses the gateway listens on, separated by commas. (default: all)") var listenAddress: String?
    @Option(help: "Certificate chain of the gateway, PEM.") var certFile: String?
    @Option(help: "Private key of --cert-file, PEM.") var keyFile: String?
    @Option(help: "Directory of <name>.crt and <name>.key pairs.") var certDir: String?
    @Option(
        help:
            "Directory for certificates of frost's own CA, if none of the above is given. (default: FROST_OWN_CERT_DIR, else certificates in the data directory)"
    )
    var ownCertDir: String?
    @Option(help: "Domain of the hostnames. (default: the stored setting, else localhost)") var wildcardBase: String?
    @Flag(inversion: .prefixedNo, help: "Run the gateway; with --no-gateway it is a separate unit.") var gateway = true
    @Option(
        help: "IP address and port of the API and the page, or none. (default: FROST_API_ADDRESS, else 127.0.0.1:3000)"
    )
    var apiAddress: String?
    @Flag(inversion: .prefixedNo, help: "Create the example project on the first start.") var example = true
    @Flag(help: "Use a temporary directory, and remove it with all branches at the end.") var temporary = false

    func validate() throws {
        if let port, !(1...65_535).contains(port) {
            throw ValidationError("--port is \(port); use a number from 1 to 65535")
        }
        guard (certFile == nil) == (keyFile == nil) else {
            throw ValidationError(
                "--cert-file and --key-file must be used together; without both, frost issues its own certificates"
            )
        }
        if ownCertDir != nil, certDir != nil || certFile != nil {
            throw ValidationError(
                "--own-cert-dir cannot be combined with certificates of your own"
            )
        }
        if ownCertDir != nil, temporary {
            throw ValidationError("--own-cert-dir cannot be combined with --temporary, which removes its CA at the end")
        }
    }

    func run() async throws {
        let stop = await StopRequest.listen(options.hint)
        let systemd = SystemdNotifier(environment: ProcessInfo.processInfo.environment)
        Output.dropWhatWaits()
        try await ErrorOutput.exiting(options) {
            if !temporary { try BranchStore.checkFile(in: options.dataDirectory) }
            try await checkStart()
            let directory = temporary ? try Self.makeTemporaryDirectory() : options.dataDirectory
            let outcome: Result<Void, any Error>
            var opened: FrostContext?
            do {
                let lock = try UpLock(directory)
                let context = try await FrostContext.open(
                    options,
                    directory: directory,
                    checksServers: true,
                    retrying: .all,
                    stop: stop
                )
                opened = context
                for stranger in try await context.manager.strangers() { ErrorOutput.print(stranger) }
                try await serve(context, until: stop, systemd)
                withExtendedLifetime(lock) {}
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            if temporary { await Self.removeAll(opened, directory) }
            try outcome.get()
        }
    }

    /// Reports errors that would end this later, before anything is created.
    private func checkStart() async throws {
        let directory = options.dataDirectory
        var (wanted, isEnabled) = (port ?? BranchStore.defaultGatewayPort, gateway)
        if !temporary, BranchStore.exists(in: directory) {
            let store = try FrostContext.store(options)
            if port == nil { wanted = try store.gatewayPort() }
            isEnabled = try isEnabled && store.isGatewayEnabled()
        }
        let settings = settings(routeFile: "\(directory)/routes.json", directory)
        if settings.hasOwnCertificates, !temporary { try OwnCertificates(self, in: directory).check() }
        try await StartCheck.run(
            api: listenAPI(),
            gateway: isEnabled
                ? GatewayChild(settings, port: wanted, account: GatewayAccount.find(), directory: directory) : nil,
            addresses: listenAddress,
            port: wanted
        )
    }

    private func serve(_ context: FrostContext, until stop: StopRequest, _ systemd: SystemdNotifier?) async throws {
        let store = context.store
        let api = try listenAPI()
        if let base = try wildcardBase.map({ try WildcardDomain.parse($0) }) {
            if try store.wildcardBase() != base {
                let count = try store.hostnames(under: base).count(where: \.isLoss)
                try store.setWildcardBase(base)
                if count > 0 {
                    ErrorOutput.print("the wildcard domain is now \(base); hostnames changed: \(count)")
                }
            }
        } else if try !store.hasSetWildcardBase() {
            try store.setWildcardBase(Hostname("localhost"))
        }
        if example, !stop.isMade { try await ExampleProject.make(context) }
        // From here on, only `frost settings` moves it, and only after this has ended.
        try store.setRouteFile(context.routeFile)
        try store.setGateway(admin: GatewayChild.adminAddress(isChild: gateway), isChild: gateway)
        try await context.routes.routesChanged()
        if stop.isMade { return }
        let account = gateway ? try GatewayAccount.find() : nil
        var settings = settings(routeFile: context.routeFile, context.directory)
        try store.setHasOwnCertificates(settings.hasOwnCertificates)
        let own = settings.hasOwnCertificates ? try OwnCertificates(self, in: context.directory) : nil
        let authority = try own?.begin(context)
        let certificates =
            settings.hasOwnCertificates
            ? nil : account.map { GatewayCertificates(settings, for: $0, in: context.directory) }
        if let certificates {
            try await certificates.copy()
            settings = certificates.settings(settings)
        }
        let greeting = UpGreeting(options, isTemporary: temporary, hasGateway: gateway)
        let keeper = GatewayKeeper(
            store: store,
            settings: settings,
            account: account,
            directory: context.directory,
            stop: stop
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let certificates { group.addTask { await certificates.follow() } }
            if let own { group.addTask { await own.follow(context) } }
            group.addTask { await context.routes.follow() }
            group.addTask { await Supervisor(manager: context.manager).run() }
            group.addTask { await ExpiryLoop(manager: context.manager).run() }
            let ends = await Race.run([
                {
                    await stop.wait()
                    systemd?.send(.stopping)
                },
                {
                    if let api {
                        try await serveAPI(context, authority, at: api) { systemd?.send(.ready) }
                    } else {
                        systemd?.send(.ready)
                        await stop.wait()
                    }
                },
                {
                    if gateway {
                        try await keeper.run(port: port) { port in
                            try greeting.showBranches(store, port: port)
                        }
                    } else {
                        await keeper.endLeftOver()
                        if let port { try store.setGatewayPort(port) }
                        try store.setGatewayFault(nil)
                        try greeting.showBranches(store, port: store.gatewayPort())
                        await stop.wait()
                    }
                },
            ])
            group.cancelAll()
            try ends.get()
        }
    }

    private func settings(routeFile: String, _ directory: String) -> GatewayChild.Settings {
        // The gateway's own variables are passed on: files that they name are the operator's too.
        let own = { (variable: GatewayVariable) in
            ProcessInfo.processInfo.environment[variable.environmentName].flatMap { $0.isEmpty ? nil : $0 }
        }
        var settings = GatewayChild.Settings(
            routeFile: routeFile,
            listenAddress: listenAddress,
            certFile: certFile ?? own(.certFile),
            keyFile: keyFile ?? own(.keyFile),
            certDir: certDir ?? own(.certDir),
            drainTimeout: temporary ? "2s" : nil
        )
        if settings.certFile == nil, settings.keyFile == nil, settings.certDir == nil {
            settings.hasOwnCertificates = true
            settings.certDir = OwnCertificates.directory(of: self, in: directory)
        }
        return settings
    }

    /// The API and the page, and the token on the first start.
    private func serveAPI(
        _ context: FrostContext,
        _ authority: CertificateAuthorityInfo?,
        at address: FrostServer.Address,
        ready: @escaping @Sendable () -> Void
    ) async throws {
        let greeting = UpGreeting(options, isTemporary: temporary, hasGateway: gateway)
        let state = ServerState(
            manager: context.manager,
            routes: context.routes,
            image: try options.postgresImage ?? context.store.postgresImage() ?? DockerRuntime.defaultImage,
            version: String(cString: frost_version()),
            gateway: GatewayPlace(
                admin: GatewayChild.adminAddress(isChild: gateway),
                runner: gateway ? .frostUp(isRunning: true) : .service,
                hint: options.hint
            ),
            certificateAuthority: authority,
            logger: Logger(label: "api") { _ in ErrorLogHandler() }
        )
        do {
            try await FrostServer(state, address: address).run { port in
                let host = address.host.contains(":") ? "[\(address.host)]" : address.host
                greeting.showPage("http://\(host):\(port)", token: context.store, logins: state.oneTimeLogins)
                ready()
            }
        } catch let error as IOError {
            ErrorOutput.print(
                "the API cannot listen on \(address.host):\(address.port): \(String(cString: strerror(error.errnoCode))); "
                    + "choose another with --api-address, or none"
            )
            throw ExitCode(error.errnoCode == EADDRINUSE ? StartCheck.portTaken : 1)
        }
    }

    /// nil for no API.
    private func listenAPI() throws -> FrostServer.Address? {
        let variable = ProcessInfo.processInfo.environment["FROST_API_ADDRESS"]
        let text = apiAddress ?? variable.flatMap { $0.isEmpty ? nil : $0 } ?? Self.defaultAPIAddress
        if text == "none" { return nil }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
            let address = try? SocketAddress(ipAddress: Self.withoutBrackets(text[..<colon]), port: Int(port)),
            let host = address.ipAddress
        else {
            throw BranchError.invalid(
                "invalid API address '\(text)'; use an IP address and a port such as \(Self.defaultAPIAddress) or "
                    + "[::1]:3000, or none"
            )
        }
        return FrostServer.Address(host: host, port: Int(port))
    }

    /// IPv6 addresses have brackets to separate their colons from the port's (RFC 3986, section 3.2.2).
    private static func withoutBrackets(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }

    private static let defaultAPIAddress = "127.0.0.1:3000"

    private static func makeTemporaryDirectory() throws -> String {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "frost-up.\(UUID().uuidString.prefix(8))"
        ).path
        try FileManager.default.createDirectory(
            atPath: place,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: FrostContext.directoryMode]
        )
        return place
    }

    private static func removeAll(_ context: FrostContext?, _ directory: String) async {
        do {
            for database in try context?.store.databases() ?? [] { try await context?.manager.deleteDatabase(database) }
            try FileManager.default.removeItem(atPath: directory)
            ErrorOutput.print("stopped; nothing is left behind")
        } catch {
            ErrorOutput.print("could not remove everything, see \(directory): \(error)")
        }
    }
}
