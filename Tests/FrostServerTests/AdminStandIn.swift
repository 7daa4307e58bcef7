import Foundation
import FrostServer
import GatewayContract
import Synchronization
import TestSupport

/// Stands where a gateway answers operators, and answers as a test says.
final class AdminStandIn: Sendable {
    enum Behaviour: Sendable {
        /// Takes connections and says nothing.
        case silent
        /// Closes what it takes.
        case closing
        /// The same bytes to whoever asks, whatever they ask.
        case bytes(String)
        /// As a gateway: `/readyz` and `/sessions`, each with its status.
        case gateway(readiness: (Int, String), sessions: (Int, String))
        /// The same, and metrics as they are then.
        case measured(document: String, metrics: @Sendable () -> String)
    }

    private struct State {
        var behaviour: Behaviour
        var isStopped = false
        /// Those that are left open.
        var open: [RawConnection] = []
    }

    private let listener: RawListener
    private let state: Mutex<State>

    init(_ behaviour: Behaviour) throws {
        listener = try RawListener()
        state = Mutex(State(behaviour: behaviour))
        let thread = Thread { [self] in serve() }
        thread.start()
    }

    var place: GatewayPlace { GatewayPlace(admin: "127.0.0.1:\(listener.port)", runner: .service) }

    /// From the next request on.
    func become(_ behaviour: Behaviour) {
        state.withLock {
            $0.behaviour = behaviour
            $0.open = []
        }
    }

    func stop() {
        state.withLock {
            $0.isStopped = true
            $0.open = []
        }
        _ = try? RawConnection(port: listener.port)
    }

    private func serve() {
        while !state.withLock({ $0.isStopped }) {
            guard let connection = try? listener.accept() else { continue }
            switch state.withLock({ $0.behaviour }) {
            case .silent: state.withLock { $0.open.append(connection) }
            case .closing: continue
            case .bytes(let text): answer(connection) { _ in text }
            case .gateway(let readiness, let sessions):
                answer(connection) { request in
                    let (status, body) =
                        request.hasPrefix("GET \(AdminPath.readiness.rawValue) ") ? readiness : sessions
                    return Self.http(status, body)
                }
            case .measured(let document, let metrics):
                answer(connection) { request in
                    if request.hasPrefix("GET \(AdminPath.metrics.rawValue) ") { return Self.http(200, metrics()) }
                    let isReadiness = request.hasPrefix("GET \(AdminPath.readiness.rawValue) ")
                    return isReadiness ? Self.http(Self.ready.0, Self.ready.1) : Self.http(200, document)
                }
            }
        }
    }

    private func answer(_ connection: RawConnection, _ text: (String) -> String) {
        var request = ""
        while !request.contains("\r\n\r\n") {
            guard let bytes = try? connection.receive(), !bytes.isEmpty else { return }
            request += String(decoding: bytes, as: UTF8.self)
        }
        try? connection.send(Array(text(request).utf8))
        // An end that is not read with is not a reset.
        connection.shutdownOutput()
        _ = try? connection.receiveToEnd(toleratesReset: true)
    }

    // MARK: Answers

    static func http(_ status: Int, _ body: String) -> String {
        "HTTP/1.1 \(status) X\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Connection: close\r\n\r\n\(body)"
    }

    static let ready = (200, #"{"status": "ready", "reasons": [], "warnings": [], "sessions": 0, "routes": 2}"#)

    static func notReady(_ code: String, _ message: String = "a reason") -> (Int, String) {
        (503, #"{"status": "not_ready", "reasons": [{"code": "\#(code)", "message": "\#(message)"}], "warnings": []}"#)
    }

    /// A gateway that is on, with these certificates.
    static func on(
        _ certificates: [SessionsDocument.Certificate] = [],
        sessions: [String: Int] = [:],
        uncovered: [String] = []
    ) -> Behaviour {
        .gateway(readiness: ready, sessions: (200, document(certificates, sessions: sessions, uncovered: uncovered)))
    }

    static func document(
        _ certificates: [SessionsDocument.Certificate] = [],
        sessions: [String: Int] = [:],
        uncovered: [String] = [],
        limits: [SessionsDocument.Limit] = [],
        refusals: [SessionsDocument.Refusal] = []
    ) -> String {
        let document = SessionsDocument(
            targets: sessions.sorted { $0.key < $1.key }.map { .init(id: $0.key, count: $0.value, sessions: []) },
            startups: .init(count: 0, handshakesWaiting: 0),
            limits: limits,
            certificates: certificates,
            hostnamesUncovered: .init(count: uncovered.count, first: uncovered),
            refusals: refusals
        )
        return (try? JSONEncoder().encode(document)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

extension SessionsDocument.Certificate {
    /// - Parameters:
    ///   - from: in days from now.
    ///   - until: in days from now.
    init(_ names: [String], from: Double = -1, until: Double = 90, file: String = "/etc/tls/shop.crt") {
        let text = { (days: Double) in Date.now.addingTimeInterval(days * 86_400).formatted(.iso8601) }
        self.init(file: file, names: names, notBefore: text(from), notAfter: text(until))
    }
}
