/// A client of the gate: something real that speaks PostgreSQL.
protocol GateClient: Sendable {
    var name: String { get }
    /// Whether the gate fails when this client does.
    var isDeciding: Bool { get }
    var scenarios: [Scenario] { get }
    /// What it is, with the versions that ran.
    func describe() async throws -> String
    /// Runs a job, telling of each round as it ends.
    func run(_ job: Job, report: @escaping @Sendable (Round) -> Void) async throws
}

/// A round that did not go as it should.
struct ScenarioFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    static func check(_ condition: Bool, _ detail: @autoclosure () -> String) throws {
        if !condition { throw ScenarioFailure(detail()) }
    }
}

/// A client whose scenarios are functions in this program.
protocol BuiltInClient: GateClient {
    /// Runs a scenario once.
    ///
    /// - Returns: how long connecting took in milliseconds, where the scenario measures it.
    func run(_ scenario: Scenario, job: Job) async throws -> Double?
}

extension BuiltInClient {
    func run(_ job: Job, report: @escaping @Sendable (Round) -> Void) async throws {
        for scenario in job.scenarios {
            for _ in 0..<job.rounds {
                do {
                    let elapsed = try await run(scenario, job: job)
                    report(Round(scenario: scenario, ok: true, ms: elapsed, detail: ""))
                } catch {
                    report(Round(scenario: scenario, ok: false, ms: nil, detail: "\(error)"))
                }
            }
        }
    }
}

extension Duration {
    var milliseconds: Double {
        Double(components.seconds) * 1_000 + Double(components.attoseconds) / 1e15
    }
}
