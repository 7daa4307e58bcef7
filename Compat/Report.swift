import Foundation

/// What came of one scenario of one client behind one proxy.
struct Cell: Codable, Sendable {
    /// Nil for a connection straight to the server.
    var proxy: Gate.Proxy?
    var server: String
    var client: String
    var scenario: Scenario
    var rounds: Int
    var passed: Int
    /// Median time to connect, in milliseconds, where it was measured.
    var medianConnectMilliseconds: Double?
    /// What the first few failing rounds said.
    var failures: [String]

    init(
        proxy: Gate.Proxy?,
        server: String,
        client: String,
        scenario: Scenario,
        rounds: Int,
        seen: [Round],
        problem: String
    ) {
        self.proxy = proxy
        self.server = server
        self.client = client
        self.scenario = scenario
        self.rounds = rounds
        passed = seen.filter(\.ok).count
        let times = seen.compactMap(\.ms).sorted()
        medianConnectMilliseconds = times.isEmpty ? nil : times[times.count / 2]
        failures = Array(seen.filter { !$0.ok }.map(\.detail).prefix(3))
        if seen.count < rounds { failures.append(problem) }
    }

    var hasPassed: Bool { passed == rounds }
}

/// All of a gate's run, as it is written to its JSON file.
struct Report: Codable, Sendable {
    struct Client: Codable, Sendable {
        var name: String
        var isDeciding: Bool
        var description: String
    }

    var date: Date
    var sources: String
    var build: String
    var rounds: Int
    var servers: [String: String]
    var clients: [Client]
    var cells: [Cell]

    /// Whether every deciding client passed every round.
    var hasPassed: Bool {
        let deciding = Set(clients.filter(\.isDeciding).map(\.name))
        return !cells.isEmpty && cells.allSatisfy { $0.hasPassed || !deciding.contains($0.client) }
    }

    /// The numbers of deciding and of other cells that failed.
    var failedCells: (deciding: Int, others: Int) {
        let deciding = Set(clients.filter(\.isDeciding).map(\.name))
        let failed = cells.filter { !$0.hasPassed }
        let decided = failed.filter { deciding.contains($0.client) }.count
        return (decided, failed.count - decided)
    }

    func write(json file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.dateEncodingStrategy = .iso8601
        let url = URL(fileURLWithPath: file)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try encoder.encode(self).write(to: url, options: .atomic)
    }

    /// The report as Markdown, which is also what the terminal gets.
    func markdown() -> String {
        var text = """
            # The compatibility gate

            Written by `make gate`. \(hasPassed ? "**Passed.**" : "**FAILED.**") \
            \(date.ISO8601Format()), \(rounds) rounds of each scenario, \(build) build, sources `\(sources.prefix(16))`.

            A cell says how many rounds passed. \
            `-`: the driver does not offer this. The clients marked * decide the gate.

            Servers: \(servers.sorted { $0.key < $1.key }.map { "`\($0.key)` is \($0.value)" }.joined(separator: ", ")).


            """
        for client in clients {
            text += "- `\(client.name)`\(client.isDeciding ? " *" : ""): \(client.description)\n"
        }
        for proxy in Gate.Proxy.allCases {
            for server in servers.keys.sorted() {
                let part = cells.filter { $0.proxy == proxy && $0.server == server }
                if !part.isEmpty { text += "\n## Behind the \(proxy.rawValue), \(server)\n\n" + table(part) }
            }
        }
        text += "\n## Median time to connect\n\n" + times()
        let failed = cells.filter { !$0.hasPassed }
        if !failed.isEmpty { text += "\n## Failures\n\n" }
        for cell in failed {
            let place =
                "\(cell.proxy?.rawValue ?? "straight"), \(cell.server), \(cell.client), \(cell.scenario.rawValue)"
            text += "- \(place): \(cell.passed)/\(cell.rounds); \(cell.failures.joined(separator: " | "))\n"
        }
        return text
    }

    private func table(_ part: [Cell]) -> String {
        let scenarios = Scenario.allCases.filter { scenario in part.contains { $0.scenario == scenario } }
        var lines = [["scenario"] + clients.map { $0.name + ($0.isDeciding ? " *" : "") }]
        for scenario in scenarios {
            lines.append(
                [scenario.rawValue]
                    + clients.map { client in
                        guard let cell = part.first(where: { $0.client == client.name && $0.scenario == scenario })
                        else { return "-" }
                        return "\(cell.passed)/\(cell.rounds)\(cell.hasPassed ? "" : " FAILED")"
                    }
            )
        }
        return Self.layout(lines)
    }

    /// Side by side: the same client straight to the server with TLS, and behind each proxy.
    private func times() -> String {
        let places: [(String, Gate.Proxy?)] =
            [("straight, TLS", nil)] + Gate.Proxy.allCases.map { ("behind the \($0.rawValue)", $0) }
        var lines = [["client", "server"] + places.map { "\($0.0), ms" } + ["gateway / straight"]]
        for client in clients {
            for server in servers.keys.sorted() {
                let medians = places.map { place in
                    cells.first {
                        $0.client == client.name && $0.server == server && $0.proxy == place.1
                            && $0.scenario == .connect
                    }?.medianConnectMilliseconds
                }
                guard medians.contains(where: { $0 != nil }) else { continue }
                let ratio = medians[0].flatMap { straight in medians[2].map { $0 / straight } }
                lines.append(
                    [client.name, server] + medians.map { Self.number($0) } + [Self.number(ratio)]
                )
            }
        }
        return Self.layout(lines)
            + "\nA server built without TLS has no time for `straight`; psql's times include its process.\n"
    }

    private static func number(_ value: Double?) -> String {
        value.map { String(format: "%.2f", $0) } ?? "-"
    }

    private static func layout(_ lines: [[String]]) -> String {
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        var rows = lines.map { line in
            "| "
                + zip(line, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(
                    separator: " | "
                )
                + " |"
        }
        rows.insert("|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|", at: 1)
        return rows.joined(separator: "\n") + "\n"
    }
}
