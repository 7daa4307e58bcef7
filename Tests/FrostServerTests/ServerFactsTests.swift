import BranchManager
import Foundation
import GatewayContract
import Synchronization
import Testing

@testable import FrostServer

/// What a branch's page tells of its server.
@Suite struct ServerFactsTests {
    /// Answers when it is let.
    private final class Server: Sendable {
        private struct State {
            var asked = 0
            var isOpen = false
            var waiting: [CheckedContinuation<Void, Never>] = []
        }

        private let state = Mutex(State())

        var asked: Int { state.withLock { $0.asked } }

        func ask() async -> ServerFacts? {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    state.asked += 1
                    if !state.isOpen { state.waiting.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
            return ServerFacts(version: "16.4", size: 7_600_000)
        }

        func open() {
            let waiting = state.withLock { state in
                state.isOpen = true
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    @Test("A server is asked once for many pages, and one that does not answer holds no page up")
    func onceForMany() async throws {
        try await APIHost.run { host in
            let branch = try host.manager.store.branch(id: try await host.makeShop().dev)
            let server = Server()
            let watch = ServerFactsWatch { _ in await server.ask() }
            let early = await withTaskGroup { group in
                for _ in 0..<5 { group.addTask { await watch.facts(of: branch) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(early == Array(repeating: nil, count: 5))
            #expect(server.asked == 1)
            server.open()
            while await watch.facts(of: branch) == nil { await Task.yield() }
            #expect(await watch.facts(of: branch) == ServerFacts(version: "16.4", size: 7_600_000))
            #expect(server.asked == 1)
        }
    }

    @Test("A server that does not run is not asked")
    func notRunning() async throws {
        try await APIHost.run { host in
            var branch = try host.manager.store.branch(id: try await host.makeShop().dev)
            let server = Server()
            server.open()
            let watch = ServerFactsWatch { _ in await server.ask() }
            for status in LifecycleStatus.allCases where status != .active {
                branch.target.lifecycleStatus = status
                #expect(await watch.facts(of: branch) == nil)
            }
            #expect(server.asked == 0)
        }
    }

    @Test("Of a crowd the first twenty are kept one by one")
    func crowd() {
        let sessions = (1...23).map {
            SessionsDocument.Session(
                number: $0,
                client: "192.0.2.1:\($0)",
                backendProcess: nil,
                ageSeconds: 90,
                bytesIn: 0,
                bytesOut: 0
            )
        }
        let answer = GatewayAnswer(
            SessionsDocument(
                targets: [.init(id: "dbt_1", count: 23, sessions: sessions)],
                startups: .init(count: 0, handshakesWaiting: 0),
                limits: [],
                certificates: [],
                hostnamesUncovered: .init(count: 0, first: [])
            )
        )
        #expect(answer.sessions == ["dbt_1": 23])
        #expect(answer.clients["dbt_1"] == sessions)
        let place = GatewayPlace(admin: "127.0.0.1:1", runner: .service)
        let condition = GatewayCondition(state: .on(answer), place: place, since: .now)
        #expect(PageContent.sessions(condition, of: "dbt_1").count == 20)
        #expect(PageContent.sessions(condition, of: "dbt_2").isEmpty)
        // How old a session is tells nobody of news.
        #expect(condition.withoutSessions.answer?.clients.isEmpty == true)
    }

    @Test("A table of many branches waits for none: what is known is there, and the others are asked two at a time")
    func table() async throws {
        try await APIHost.run { host in
            let dev = try host.manager.store.branch(id: try await host.makeShop().dev)
            let branches = (0..<200).map { number in
                var branch = dev
                branch.target.id = "dbt_\(number)"
                if number % 10 == 0 { branch.target.lifecycleStatus = .stopped }
                return branch
            }
            let server = Server()
            let watch = ServerFactsWatch { _ in await server.ask() }
            for _ in 0..<3 { #expect(await watch.known(of: branches).isEmpty) }
            while server.asked < 2 { await Task.yield() }
            #expect(server.asked == 2)
            server.open()
            while await watch.known(of: branches).count < 180 { await Task.yield() }
            #expect(server.asked == 180, "each once, and none that does not run")
        }
    }
}
