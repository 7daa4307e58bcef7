import BranchManager
import Foundation
import TestSupport
import Testing

/// A manager whose branches are real servers, of one runtime.
struct RuntimeHost: Sendable {
    let manager: BranchManager
    let kind: RuntimeKind
    let runtime: any BranchRuntime
    let directory: TemporaryDirectory
    /// Of containers; one for each host, since branches of the same names are on all of them.
    let network: String

    /// Of the Docker engine, which works for all suites at once.
    static let lookTimeout = Duration.seconds(120)

    private struct NoRoutes: RouteListener {
        func routesChanged() async throws(BranchError) {}
    }

    /// Makes one, does something with it, and sees that nothing is left.
    ///
    /// - Parameters:
    ///   - limits: of containers.
    ///   - image: of containers; nil for that of the tests.
    ///   - parent: of the host's directory; nil for the system's place for such.
    ///   - local: makes the runtime `local` in a directory.
    static func run(
        _ kind: RuntimeKind,
        limits: DockerRuntime.Limits = DockerRuntime.Limits(),
        image: (@Sendable () throws(BranchError) -> String)? = nil,
        in parent: TemporaryDirectory? = nil,
        local: (String) async throws -> LocalRuntime = {
            try await LocalRuntime(directory: $0, installations: PostgresInstallations.find())
        },
        _ body: (RuntimeHost) async throws -> Void
    ) async throws {
        let directory = try parent?.directory("runtime") ?? TemporaryDirectory("runtime")
        defer { directory.remove() }
        let place = directory.file("branches")
        let network = "frost-test-\(UUID().uuidString.prefix(8).lowercased())"
        let runtime: any BranchRuntime =
            switch kind {
            case .local: try await local(place)
            case .docker:
                try DockerRuntime(
                    directory: place,
                    image: try await self.image(image),
                    network: network,
                    limits: { limits },
                    lookTimeout: lookTimeout
                )
            }
        let manager = try BranchManager(
            store: BranchStore.open(in: directory.path),
            runtimes: [kind: runtime],
            routes: NoRoutes(),
            directory: directory.path,
            hostPorts: HostPorts.next()
        )
        let host = RuntimeHost(manager: manager, kind: kind, runtime: runtime, directory: directory, network: network)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(host)) } catch { outcome = .failure(error) }
        for database in try manager.store.databases() { try await manager.deleteDatabase(database) }
        if kind == .docker { try await Command.check("docker", ["network", "rm", network]) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
        try outcome.get()
    }

    private static func image(
        _ image: (@Sendable () throws(BranchError) -> String)?
    ) async throws -> @Sendable () throws(BranchError) -> String {
        if let image { return image }
        let tag = try await PostgresImage.tag()
        return { () throws(BranchError) in tag }
    }

    func makeDatabase() async throws -> BranchDetails {
        try await manager.createDatabase("shop", in: manager.createProject("shop"), runtime: kind)
    }

    /// Past any gateway, on the direct host port.
    func query(_ branch: BranchDetails, _ command: String) async throws -> String {
        try await Command.check(
            "psql",
            [
                "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", command,
                "host=127.0.0.1 port=\(branch.target.hostPort) user=\(branch.database.username) "
                    + "dbname=\(branch.database.databaseName) connect_timeout=20",
            ],
            environment: ["PGPASSWORD": branch.database.password]
        ).trimmingCharacters(in: .newlines)
    }
}
