import ArgumentParser
import BranchManager
import Foundation
import RouteMap
import RouteSync

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
            Makes state true to what is there, starts branches that should run, keeps the route map \
            and runs the gateway. On the first start makes a project `shop` with the branches main \
            and dev. Branches go on when this ends; with --temporary they and all state are removed.

            Ctrl-C brings what is under way to an end and drains the gateway's sessions; a second \
            one cuts them off.
            """
    )

    @OptionGroup var options: FrostOptions
    @Option(help: "The gateway's port. (default: what is set, else 5432)") var port: Int?
    @Option(help: "IP addresses the gateway listens on, separated by commas. (default: all)") var listenAddress: String?
    @Option(help: "Certificate chain of the gateway, PEM.") var certFile: String?
    @Option(help: "Private key of --cert-file, PEM.") var keyFile: String?
    @Option(help: "Directory of <name>.crt and <name>.key pairs.") var certDir: String?
    @Option(help: "What hostnames end in. (default: what is set, else localhost)") var wildcardBase: String?
    @Flag(inversion: .prefixedNo, help: "Run the gateway; without it, it is a unit of its own.") var gateway = true
    @Flag(inversion: .prefixedNo, help: "Make the example project on the first start.") var example = true
    @Flag(help: "State in a directory of its own, which is removed at the end with all branches.") var temporary = false

    func validate() throws {
        if let port, !(1...65_535).contains(port) {
            throw ValidationError("--port is \(port); use a number from 1 to 65535")
        }
        guard !gateway || certDir != nil || (certFile != nil && keyFile != nil) else {
            throw ValidationError("the gateway needs --cert-file and --key-file, or --cert-dir; or give --no-gateway")
        }
    }

    func run() async throws {
        let stop = await StopRequest.listen()
        try await Complaint.exiting {
            let directory = temporary ? try Self.makeTemporaryDirectory() : options.dataDirectory
            let outcome: Result<Void, any Error>
            var opened: FrostContext?
            do {
                let lock = try UpLock(directory)
                let context = try await FrostContext.open(options, directory: directory, checksServers: true)
                opened = context
                try await serve(context, until: stop)
                withExtendedLifetime(lock) {}
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            if temporary { await Self.removeAll(opened, directory) }
            try outcome.get()
        }
    }

    private func serve(_ context: FrostContext, until stop: StopRequest) async throws {
        let store = context.store
        let base = try wildcardBase.map { try Hostname($0) } ?? store.wildcardBase() ?? Hostname("localhost")
        if try store.wildcardBase() != base { try store.setWildcardBase(base) }
        if example, !stop.isMade { try await ExampleProject.make(context) }
        // From here on only `frost settings` moves it, which waits for this to end.
        try store.setRouteFile(context.routeFile)
        try await context.routes.routesChanged()
        if stop.isMade { return }
        let port = try port ?? store.gatewayPort()
        let child = GatewayChild(
            GatewayChild.Settings(
                routeFile: context.routeFile,
                port: port,
                listenAddress: listenAddress,
                certFile: certFile,
                keyFile: keyFile,
                certDir: certDir,
                drainTimeout: temporary ? "2s" : nil
            ),
            directory: context.directory
        )
        stop.onFurther { child.endAtOnce() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await context.routes.follow() }
            group.addTask { await Supervisor(manager: context.manager).run() }
            let ends = try await Self.first(
                { await stop.wait() },
                {
                    await child.endLeftOver()
                    if gateway {
                        try await child.run {
                            try store.setGatewayPort(port)
                            printBranches(try store.branches(), port: port)
                        }
                    } else {
                        if self.port != nil { try store.setGatewayPort(port) }
                        printBranches(try store.branches(), port: port)
                        await stop.wait()
                    }
                }
            )
            group.cancelAll()
            try ends.get()
        }
    }

    /// Runs two until one of them ends; then the other is cancelled, and waited for.
    private static func first(
        _ one: @escaping @Sendable () async throws -> Void,
        _ other: @escaping @Sendable () async throws -> Void
    ) async throws -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { group in
            for body in [one, other] {
                group.addTask {
                    do { return .success(try await body()) } catch { return .failure(error) }
                }
            }
            let ended = await group.next() ?? .success(())
            group.cancelAll()
            var fault = ended
            for await result in group {
                // That it was cancelled is no fault.
                if case .failure(let error) = result, !(error is CancellationError) { fault = result }
            }
            return fault
        }
    }

    private func printBranches(_ branches: [BranchDetails], port: Int) {
        print("")
        // Passwords are for eyes, and for who asked; a journal keeps them for years.
        let isForEyes = temporary || isatty(STDOUT_FILENO) == 1
        for branch in branches where branch.target.lifecycleStatus == .active {
            guard let url = ConnectionString.url(branch, port: port), let hostname = branch.target.hostname else {
                continue
            }
            let line =
                isForEyes
                ? "psql \"\(url)\""
                : "\(hostname):\(port), see: frost branch url \(branch.target.name) --database \(branch.database.id)"
            print("  branch \(branch.target.name) of \(branch.project.name)/\(branch.database.name):\n    \(line)\n")
        }
        print(
            "  Try:  SELECT * FROM item;    Ctrl-C here stops \(temporary ? "everything" : "the gateway; branches go on").\n"
        )
        // Seen through pipes as well.
        fflush(nil)
    }

    private static func makeTemporaryDirectory() throws -> String {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "frost-up.\(UUID().uuidString.prefix(8))"
        ).path
        try FileManager.default.createDirectory(
            atPath: place,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o711]
        )
        return place
    }

    private static func removeAll(_ context: FrostContext?, _ directory: String) async {
        do {
            for database in try context?.store.databases() ?? [] { try await context?.manager.deleteDatabase(database) }
            try FileManager.default.removeItem(atPath: directory)
            Complaint.print("stopped; nothing is left behind")
        } catch {
            Complaint.print("not all could be removed, see \(directory): \(error)")
        }
    }
}
