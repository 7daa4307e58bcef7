import Foundation
import TestSupport

/// Puts every client through its scenarios behind every proxy, and straight to the server beside it.
struct Gate: Sendable {
    var rounds: Int
    var clients: [any GateClient]
    var proxies: [Proxy]
    var directory: TemporaryDirectory
    var spike: String
    var gateway: String
    /// What spike, gateway and servers show, in PEM form.
    var certificate: String
    var say: @Sendable (String) -> Void

    enum Proxy: String, CaseIterable, Codable, Sendable {
        case spike
        case gateway
    }

    /// A PostgreSQL server of the gate and its hostname.
    struct Backend: Sendable {
        var name: String
        var version: String
        var server: PostgresServer
        var hasTLS: Bool

        var hostname: String { "\(name).\(Gate.domain)" }
    }

    static let domain = "pg.gate.localhost"
    static let address = "127.0.0.1"

    /// Where a backend is reached behind a proxy.
    private typealias Ports = [String: Int]

    func run(backends: [Backend], certificate: SelfSignedCertificate) async throws -> [Cell] {
        var cells: [Cell] = []
        for backend in backends where backend.hasTLS {
            for client in clients {
                cells += await run(client, [.connect], proxy: nil, backend: backend, port: backend.server.port)
            }
        }
        for proxy in proxies {
            switch proxy {
            case .spike: cells += try await behindSpikes(backends[...], certificate: certificate, backends, [:])
            case .gateway: cells += try await behindGateway(backends, certificate: certificate)
            }
        }
        return cells
    }

    /// A spike has one backend, so there is one for each; the next is started while the last runs.
    private func behindSpikes(
        _ rest: ArraySlice<Backend>,
        certificate: SelfSignedCertificate,
        _ backends: [Backend],
        _ ports: Ports
    ) async throws -> [Cell] {
        guard let backend = rest.first else { return await runAll(proxy: .spike, backends, ports) }
        let port = try await PostgresServer.freePort()
        return try await Program.whileRunning(
            spike,
            [
                "--backend", "\(Self.address):\(backend.server.port)", "--hostname", backend.hostname,
                "--cert", certificate.certFile, "--key", certificate.keyFile, "--port", String(port),
            ],
            port: port,
            log: directory.file("spike-\(backend.name).log")
        ) { _ in
            let more = ports.merging([backend.name: port]) { _, new in new }
            return try await behindSpikes(rest.dropFirst(), certificate: certificate, backends, more)
        }
    }

    private func behindGateway(_ backends: [Backend], certificate: SelfSignedCertificate) async throws -> [Cell] {
        let port = try await PostgresServer.freePort()
        let routes = backends.map { backend in
            """
            { "hostname": "\(backend.hostname)", "hostPort": \(backend.server.port),
              "target": { "id": "dbt_\(backend.name)", "name": "\(backend.name)", "database": "gate", "project": "gate" } }
            """
        }
        try directory.write(#"{ "version": 1, "routes": [\#(routes.joined(separator: ","))] }"#, to: "routes.json")
        return try await Program.whileRunning(
            gateway,
            [
                "run", "--enabled", "--port", String(port), "--listen-address", Self.address,
                "--admin-address", "\(Self.address):0",
                "--route-file", directory.file("routes.json"),
                // One address fails to log in hundreds of times here, on purpose.
                "--max-authentication-failures", "0",
                "--cert-file", certificate.certFile, "--key-file", certificate.keyFile,
            ],
            port: port,
            log: directory.file("gateway.log")
        ) { _ in
            await runAll(proxy: .gateway, backends, Dictionary(uniqueKeysWithValues: backends.map { ($0.name, port) }))
        }
    }

    /// What is timed comes first and one after the other, so that the medians can be compared; the
    /// rest runs beside each other, a backend at a time each, since most of it is waiting.
    private func runAll(proxy: Proxy, _ backends: [Backend], _ ports: Ports) async -> [Cell] {
        var cells: [Cell] = []
        for backend in backends {
            for client in clients {
                cells += await run(client, [.connect], proxy: proxy, backend: backend, port: ports[backend.name] ?? 0)
            }
        }
        return await withTaskGroup(of: [Cell].self) { group in
            for backend in backends {
                group.addTask {
                    var cells: [Cell] = []
                    for client in clients {
                        cells += await run(
                            client,
                            client.scenarios.filter { $0 != .connect },
                            proxy: proxy,
                            backend: backend,
                            port: ports[backend.name] ?? 0
                        )
                    }
                    return cells
                }
            }
            return await group.reduce(into: cells) { $0 += $1 }
        }
    }

    private func run(
        _ client: any GateClient,
        _ scenarios: [Scenario],
        proxy: Proxy?,
        backend: Backend,
        port: Int
    ) async -> [Cell] {
        let job = Job(
            host: backend.hostname,
            wrongHost: "nobody.\(Self.domain)",
            address: Self.address,
            port: port,
            user: PostgresServer.user,
            password: PostgresServer.password,
            database: PostgresServer.database,
            certificate: certificate,
            rounds: rounds,
            scenarios: scenarios
        )
        let seen = Lock<[Round]>([])
        let clock = ContinuousClock()
        let start = clock.now
        var problem = "the round was not run"
        do {
            try await withDeadline(.seconds(120 + 20 * rounds * scenarios.count)) {
                try await client.run(job) { round in seen.update { $0.append(round) } }
            }
        } catch {
            problem = "\(error)"
        }
        let cells = scenarios.map { scenario in
            Cell(
                proxy: proxy,
                server: backend.name,
                client: client.name,
                scenario: scenario,
                rounds: rounds,
                seen: seen.value.filter { $0.scenario == scenario },
                problem: problem
            )
        }
        let passed = cells.filter(\.hasPassed).count
        let seconds = Int((clock.now - start).milliseconds / 1_000)
        let place = "\(proxy?.rawValue ?? "straight") \(backend.name) \(client.name)"
        say("\(place): \(passed)/\(cells.count) scenarios, \(rounds) rounds each, \(seconds) s")
        for cell in cells where !cell.hasPassed {
            say("  FAILED \(cell.scenario.rawValue) \(cell.passed)/\(cell.rounds): \(cell.failures.first ?? "")")
        }
        return cells
    }

    /// A client that hangs is a failure that says so, not a gate that hangs: a call into libpq cannot
    /// be cancelled, so it is left behind. A task group would wait for it.
    private func withDeadline(_ limit: Duration, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let (outcomes, outcome) = AsyncStream<Result<Void, any Error>>.makeStream()
        let work = Task {
            do { outcome.yield(.success(try await body())) } catch { outcome.yield(.failure(error)) }
        }
        let timeout = Task {
            try await Task.sleep(for: limit)
            outcome.yield(.failure(ScenarioFailure("not done within \(limit)")))
        }
        defer {
            work.cancel()
            timeout.cancel()
        }
        // Ends without an outcome when the gate itself is cancelled.
        for await first in outcomes { return try first.get() }
        throw CancellationError()
    }
}
