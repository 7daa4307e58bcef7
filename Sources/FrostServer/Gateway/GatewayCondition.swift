package import Foundation
package import GatewayContract

/// The state of the gateway: the one source for pages, the API and commands.
package struct GatewayCondition: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// Disabled in the settings.
        case off
        case on(GatewayAnswer)
        /// It answers, and reports why it cannot serve.
        case notReady([GatewayReason], GatewayAnswer)
        /// Nothing listens at its admin address.
        case unreachable
        /// A program accepts connections at its admin address, but does not answer in time.
        case hung
        /// The gateway of `frost up` is not running; the fault is a sentence.
        case failed(String)
        /// The program at its admin address is not a gateway, or has another version.
        case stranger
        /// Its admin address is unknown.
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
    /// Why the gateway of `frost up` cannot apply the settings, though it may serve.
    package var fault: String?
    /// When it was first seen in this state, at a query.
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

    /// The gateway's own report; nil without one.
    package var answer: GatewayAnswer? {
        switch state {
        case .on(let answer), .notReady(_, let answer): answer
        case .off, .unreachable, .hung, .failed, .stranger, .unseen: nil
        }
    }

    /// Sessions by the branch's id; nil while unknown.
    package var sessions: [String: Int]? { answer?.sessions }

    /// How many clients it has refused of each kind that it lists.
    var refusalCounts: [UInt64]? { answer?.refusals.map(\.count) }

    /// Its own reasons for not serving; empty when it serves, and without a report.
    package var reasons: [GatewayReason] { if case .notReady(let reasons, _) = state { reasons } else { [] } }

    /// Whether clients are refused, as far as frost can see.
    package var isUnreachable: Bool {
        switch state {
        case .unreachable, .hung, .failed, .stranger: true
        case .notReady(let reasons, _): reasons.contains { !$0.servesAllTheSame }
        case .off, .on, .unseen: false
        }
    }

    /// Whether clients of a hostname get a certificate that does not cover it; false while unknown.
    package func leavesUncovered(_ hostname: String, at now: Date = .now) -> Bool {
        guard let answer else { return false }
        // Only the gateway knows the certificate of a hostname; it reports some hostnames without one.
        return answer.uncovered.first.contains(hostname)
            || !answer.certificates.contains { $0.covers(hostname, at: now) }
    }

    /// The same without sessions.
    var withoutSessions: Self {
        var copy = self
        switch state {
        case .on(var answer):
            answer.forgetTraffic()
            copy.state = .on(answer)
        case .notReady(let reasons, var answer):
            answer.forgetTraffic()
            copy.state = .notReady(reasons, answer)
        case .off, .unreachable, .hung, .failed, .stranger, .unseen: break
        }
        return copy
    }
}

/// A gateway's own report.
package struct GatewayAnswer: Hashable, Sendable {
    /// By the branch's id.
    package var sessions: [String: Int]
    /// Sessions by the branch's id, in order of their numbers.
    package var clients: [String: [SessionsDocument.Session]]
    package var certificates: [SessionsDocument.Certificate]
    package var uncovered: SessionsDocument.Uncovered
    package var limits: [SessionsDocument.Limit]
    /// The latest first; empty from a gateway that does not list them.
    package var refusals: [SessionsDocument.Refusal]

    /// The number of a branch's sessions that a page lists.
    package static let most = 20

    package init(_ document: SessionsDocument) {
        sessions = Dictionary(document.targets.map { ($0.id, $0.count) }) { $0 + $1 }
        clients = Dictionary(document.targets.map { ($0.id, $0.sessions) }) { $0 + $1 }
        certificates = document.certificates
        uncovered = document.hostnamesUncovered
        limits = document.limits
        refusals = document.refusals
    }

    /// What changes all the time.
    fileprivate mutating func forgetTraffic() {
        sessions = [:]
        clients = [:]
        limits = []
        refusals = []
    }
}

/// A reason for a gateway not to be ready, from ``AdminPath/readiness``.
package struct GatewayReason: Decodable, Hashable, Sendable {
    package var code: String
    package var message: String

    /// Clients that do not verify certificates can connect, and the others get warnings by hostname.
    var servesAllTheSame: Bool { code == "no_certificate_in_date" }
}
