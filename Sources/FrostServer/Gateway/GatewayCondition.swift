package import Foundation
package import GatewayContract

/// How the gateway is. Pages, the API and commands all go by this one value.
package struct GatewayCondition: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// The settings want none.
        case off
        case on(GatewayAnswer)
        /// It answers, and says why it cannot serve.
        case notReady([GatewayReason], GatewayAnswer)
        /// Nothing listens at its admin address.
        case unreachable
        /// Something takes connections at its admin address and does not answer in time.
        case hung
        /// The gateway of `frost up` does not run; the fault is a sentence.
        case failed(String)
        /// What answers at its admin address is no gateway, or one of another version.
        case stranger
        /// Nobody has said where it answers.
        case unseen
    }

    /// The states by name, for programs.
    package enum Kind: String, CaseIterable, Sendable {
        case off
        case on
        case notReady = "not_ready"
        case unreachable
        case hung
        case failed
        case stranger
        case unseen
    }

    package var state: State
    package var place: GatewayPlace
    /// What keeps the gateway of `frost up` from doing what the settings say, though it may serve.
    package var fault: String?
    /// When it was first seen in this state; not before somebody looked.
    package var since: Date

    package init(state: State, place: GatewayPlace, fault: String? = nil, since: Date) {
        self.state = state
        self.place = place
        self.fault = fault
        self.since = since
    }

    package var kind: Kind {
        switch state {
        case .off: .off
        case .on: .on
        case .notReady: .notReady
        case .unreachable: .unreachable
        case .hung: .hung
        case .failed: .failed
        case .stranger: .stranger
        case .unseen: .unseen
        }
    }

    /// What the gateway says of itself; nil while it says nothing.
    package var answer: GatewayAnswer? {
        switch state {
        case .on(let answer), .notReady(_, let answer): answer
        case .off, .unreachable, .hung, .failed, .stranger, .unseen: nil
        }
    }

    /// Sessions by the branch's id; nil while unknown.
    package var sessions: [String: Int]? { answer?.sessions }

    /// Why it cannot serve, in its own words; empty when it can, and when it says nothing.
    package var reasons: [GatewayReason] { if case .notReady(let reasons, _) = state { reasons } else { [] } }

    /// Whether clients are turned away, as far as frost can see.
    package var isUnreachable: Bool {
        switch state {
        case .unreachable, .hung, .failed, .stranger: true
        case .notReady(let reasons, _): reasons.contains { !$0.servesAllTheSame }
        case .off, .on, .unseen: false
        }
    }

    /// Whether the certificate that a client is shown for a hostname is not for it; false while unknown.
    package func leavesUncovered(_ hostname: String, at now: Date = .now) -> Bool {
        guard let answer else { return false }
        // Which certificate is shown for a hostname, the gateway alone knows; it names a few that have none.
        return answer.uncovered.first.contains(hostname)
            || !answer.certificates.contains { $0.covers(hostname, at: now) }
    }

    /// The same without who is connected.
    var withoutSessions: Self {
        var copy = self
        switch state {
        case .on(var answer):
            answer.sessions = [:]
            answer.clients = [:]
            copy.state = .on(answer)
        case .notReady(let reasons, var answer):
            answer.sessions = [:]
            answer.clients = [:]
            copy.state = .notReady(reasons, answer)
        case .off, .unreachable, .hung, .failed, .stranger, .unseen: break
        }
        return copy
    }
}

/// What a gateway says of itself.
package struct GatewayAnswer: Hashable, Sendable {
    /// By the branch's id.
    package var sessions: [String: Int]
    /// Who is connected, by the branch's id, in order of their numbers.
    package var clients: [String: [SessionsDocument.Session]]
    package var certificates: [SessionsDocument.Certificate]
    package var uncovered: SessionsDocument.Uncovered

    /// Sessions of a branch that a page shows one by one.
    package static let most = 20

    package init(_ document: SessionsDocument) {
        sessions = Dictionary(document.targets.map { ($0.id, $0.count) }) { $0 + $1 }
        clients = Dictionary(document.targets.map { ($0.id, $0.sessions) }) { $0 + $1 }
        certificates = document.certificates
        uncovered = document.hostnamesUncovered
    }
}

/// Why a gateway is not ready, as ``AdminPath/readiness`` has it.
package struct GatewayReason: Decodable, Hashable, Sendable {
    package var code: String
    package var message: String

    /// Clients that do not verify certificates are served all the same, and the others are warned by hostname.
    var servesAllTheSame: Bool { code == "no_certificate_in_date" }
}
