import Foundation
import Logging
import PostgresGateway
import RouteMap
import RouteSync
import TestSupport
import Testing

/// `frost sync` on databases that another process writes in WAL mode, with Frost's schema at several migrations: each
/// thing that happens on a host that runs Frost, and each two of them. Behind each port is a real PostgreSQL that says
/// whose it is, before all of them a gateway, and psql checks that it sees its own branch or is refused.
@Suite struct InstalledFrostMatrixTests {
    /// How many hosts there are at a time.
    private static let width = 6

    @Test("No hostname leads to another branch, and branches with a server are reached")
    func matrix() async throws {
        let directory = try TemporaryDirectory("matrix")
        defer { directory.remove() }
        var servers: [PostgresServer] = []
        let outcome: Result<Void, any Error>
        do {
            for number in 0..<FrostHost.ports {
                let server = try await PostgresServer.start(.debian(), name: "port\(number)", in: directory)
                servers.append(server)
                try await server.psql(["CREATE TABLE mark (host text PRIMARY KEY, branch text)"])
            }
            let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.pg.shop.example.net"])
            try await run(plans(), servers: servers, certificate: certificate, in: directory)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for server in servers { try? await server.stop() }
        try outcome.get()
    }

    private struct Plan: Sendable {
        var migration: Int
        var events: [FrostHost.Event]

        var name: String { "\(migration)-" + events.map(\.rawValue).joined(separator: "-") }
    }

    /// Each event alone at each migration, and each two at the last.
    private func plans() -> [Plan] {
        let all = FrostHost.Event.allCases
        let alone = [14, 17, 18].flatMap { migration in all.map { Plan(migration: migration, events: [$0]) } }
        let pairs = all.indices.flatMap { first in
            // Either order, by turns.
            all[(first + 1)...].enumerated().map { index, second in
                Plan(migration: 18, events: index.isMultiple(of: 2) ? [all[first], second] : [second, all[first]])
            }
        }
        return alone + pairs
    }

    private func run(
        _ plans: [Plan],
        servers: [PostgresServer],
        certificate: SelfSignedCertificate,
        in directory: TemporaryDirectory
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, plan) in plans.enumerated() {
                if number >= Self.width { try await group.next() }
                group.addTask {
                    let place = try directory.directory(plan.name)
                    do {
                        try await FrostHost.run(plan.name, plan.migration, servers, certificate, in: place) { host in
                            try await host.check(asksEverybody: false)
                            for (index, event) in plan.events.enumerated() {
                                try await host.happen(event)
                                try await host.check(asksEverybody: index == plan.events.count - 1)
                            }
                        }
                    } catch {
                        Issue.record("\(plan.name): \(error)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
