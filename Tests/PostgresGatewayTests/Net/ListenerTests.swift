import Foundation
import NIOCore
import PostgresGateway
import Synchronization
import TestSupport
import Testing

/// A listener that dies, as NIO lets one die after an error of accept(2) that is no exhaustion.
@Suite(.timeLimit(.minutes(2))) struct ListenerTests {
    /// Mutation: listener-stays-dead.
    @Test("It is opened again on the same port, and says so")
    func reopened() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let port = gateway.port
            let session = try gateway.ready(backend)
            try await #require(gateway.server.listeningChannels.first).close()
            try await eventually("it listens again") { gateway.count("listening again", level: "info") == 1 }
            #expect(gateway.count("lost a listening socket; reopening it", level: "error") == 1)
            #expect(gateway.port == port)
            #expect(!gateway.isNotListening)
            try gateway.relays(session)
            try gateway.relays(try gateway.ready(backend))
        }
    }

    /// Mutation: listener-loss-not-in-readyz.
    @Test("Meanwhile the gateway is not ready, and sessions go on")
    func notReadyMeanwhile() async throws {
        let backend = try RawListener()
        try await TestGateway.run(backend: backend) { gateway in
            let session = try gateway.ready(backend)
            var holder: RawListener? = try await gateway.loseListener()
            try await eventually("it is not ready") { gateway.isNotListening }
            try gateway.relays(session)
            withExtendedLifetime(holder) {}
            holder = nil
            try await eventually("it listens again") { !gateway.isNotListening }
            try gateway.relays(try gateway.ready(backend))
        }
    }

    /// Mutation: listener-loss-ends-nothing.
    @Test("One that cannot be opened again ends the gateway, with the reason")
    func lost() async throws {
        let times: (inout ConnectionTimes) -> Void = { $0.listenerReopenTimeout = .milliseconds(50) }
        try await TestGateway.run(routes: [], times: times) { gateway in
            let waiting = Task { try await gateway.server.listening() }
            let holder = try await gateway.loseListener()
            let error = await #expect(throws: ListenerLost.self) {
                try await withTaskCancellationHandler {
                    try await waiting.value
                } onCancel: {
                    // By the time limit: it would wait on by itself.
                    waiting.cancel()
                }
            }
            #expect(error?.description.contains("port \(holder.port) on 127.0.0.1 is already in use") == true)
            #expect(gateway.isNotListening)
        }
    }
}

extension TestGateway {
    fileprivate var isNotListening: Bool {
        server.readiness().reasons.contains { $0.code == .notListening }
    }

    /// Closes the listener, and takes its port before it can be opened again.
    fileprivate func loseListener() async throws -> RawListener {
        try await takePort(port, of: try #require(server.listeningChannels.first))
    }
}
