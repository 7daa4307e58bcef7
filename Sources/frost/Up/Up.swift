import ArgumentParser
import BranchManager
import Foundation
import RouteMap
import RouteSync
import UnixSignals

/// `frost up`
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run branches and the gateway until Ctrl-C.",
        discussion: """
            Makes state true to what is there, starts branches that should run, keeps the route map \
            and runs the gateway. On the first start makes a project `shop` with the branches main \
            and dev. Branches go on when this ends; with --temporary they and all state are removed.
            """
    )

    @OptionGroup var options: FrostOptions
    @Option(help: "The gateway's port.") var port = 5_432
    @Option(help: "IP addresses the gateway listens on, separated by commas. (default: all)") var listenAddress: String?
    @Option(help: "Certificate chain of the gateway, PEM.") var certFile: String?
    @Option(help: "Private key of --cert-file, PEM.") var keyFile: String?
    @Option(help: "Directory of <name>.crt and <name>.key pairs.") var certDir: String?
    @Option(help: "What hostnames end in. (default: what is set, else localhost)") var wildcardBase: String?
    @Flag(inversion: .prefixedNo, help: "Run the gateway; without it, it is a unit of its own.") var gateway = true
    @Flag(inversion: .prefixedNo, help: "Make the example project on the first start.") var example = true
    @Flag(help: "State in a directory of its own, which is removed at the end with all branches.") var temporary = false

    func validate() throws {
        guard (1...65_535).contains(port) else {
            throw ValidationError("--port is \(port); use a number from 1 to 65535")
        }
        guard !gateway || certDir != nil || (certFile != nil && keyFile != nil) else {
            throw ValidationError("the gateway needs --cert-file and --key-file, or --cert-dir; or give --no-gateway")
        }
    }

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        try await Complaint.exiting {
            let directory = temporary ? try Self.makeTemporaryDirectory() : options.dataDirectory
            let context = try await FrostContext.open(options, directory: directory, checksServers: true)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await Self.until(signals) { try await serve(context) })
            } catch {
                outcome = .failure(error)
            }
            if temporary { await Self.removeAll(context) }
            try outcome.get()
        }
    }

    private func serve(_ context: FrostContext) async throws {
        let base = try wildcardBase.map { try Hostname($0) } ?? context.store.wildcardBase() ?? Hostname("localhost")
        try context.store.setWildcardBase(base)
        try context.store.setGatewayPort(port)
        if example, try context.store.projects().isEmpty { try await ExampleProject.make(context) }
        await context.routes.routesChanged()
        if let fault = await context.routes.status.fault { throw BranchError.store("the route map: \(fault)") }
        guard gateway else {
            printBranches(try context.store.branches())
            try await Task.sleep(for: .seconds(Int64.max / 2))
            return
        }
        let child = GatewayChild(
            routeFile: context.routeFile,
            port: port,
            listenAddress: listenAddress,
            certFile: certFile,
            keyFile: keyFile,
            certDir: certDir,
            drainTimeout: temporary ? "2s" : nil
        )
        try await child.run { printBranches(try context.store.branches()) }
    }

    private func printBranches(_ branches: [BranchDetails]) {
        print("")
        for branch in branches where branch.target.lifecycleStatus == .active {
            guard let url = ConnectionString.url(branch, port: port) else { continue }
            print(
                "  branch \(branch.target.name) of \(branch.project.name)/\(branch.database.name):\n    psql \"\(url)\"\n"
            )
        }
        print(
            "  Try:  SELECT * FROM item;    Ctrl-C here stops \(temporary ? "everything" : "the gateway; branches go on").\n"
        )
        // Seen through pipes as well.
        fflush(nil)
    }

    /// Runs something until it ends or a signal comes.
    private static func until(_ signals: UnixSignalsSequence, _ body: @escaping @Sendable () async throws -> Void)
        async throws
    {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await body()
                return true
            }
            group.addTask {
                for await _ in signals { return false }
                return false
            }
            defer { group.cancelAll() }
            let isOver = try await group.next()
            guard isOver == false else { return }
            group.cancelAll()
            // What was begun is brought to an end; that it was cancelled is no fault.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
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

    private static func removeAll(_ context: FrostContext) async {
        do {
            for database in try context.store.databases() { try await context.manager.deleteDatabase(database) }
            try FileManager.default.removeItem(atPath: context.directory)
            Complaint.print("stopped; nothing is left behind")
        } catch {
            Complaint.print("not all could be removed, see \(context.directory): \(error)")
        }
    }
}
