import BranchManager

/// A problem of the gateway as text for users, with the next step.
package struct GatewayTrouble: Hashable, Sendable {
    /// The next step.
    package struct NextStep: Hashable, Sendable {
        /// Such as `start it`; a complete step if there is no command.
        package var text: String
        /// A command to type, or a variable to set.
        package var command: String?

        /// `Start it: systemctl start postgres-gateway`
        package var line: String { command.map { "\(text): \($0)" } ?? text }
    }

    /// One or two words: `Not running`.
    package var word: String
    /// Without a full stop, and without a capital letter at the start.
    package var clause: String
    package var nextStep: NextStep?

    /// `The gateway does not answer at 127.0.0.1:9432.`
    package var sentence: String { "\(clause.prefix(1).uppercased())\(clause.dropFirst())." }

    /// One line, for commands: `the gateway does not answer at 127.0.0.1:9432; start it: systemctl start
    /// postgres-gateway`
    package var line: String { nextStep.map { "\(clause); \($0.line)" } ?? clause }

    init(word: String, clause: String, nextStep: NextStep?) {
        self.word = word
        self.clause = clause
        self.nextStep = nextStep
    }

    /// The problem of a gateway; nil when it is on, or disabled in the settings.
    package init?(_ condition: GatewayCondition) {
        let place = condition.place
        switch condition.state {
        case .off, .on: return nil
        case .notReady(let reasons, _):
            self.init(
                word: "Not ready",
                clause: "the gateway is not ready: \(reasons.map(\.message).joined(separator: "; "))",
                nextStep: Self.step(
                    place,
                    NextStep(text: "check its state", command: "systemctl status postgres-gateway"),
                    up: "see the output of frost up",
                    upGone: "check its state"
                )
            )
        case .unreachable:
            self.init(
                word: "Not running",
                clause: "the gateway does not answer at \(place.admin)",
                nextStep: Self.step(
                    place,
                    NextStep(text: "start it", command: "systemctl start postgres-gateway"),
                    up: "frost up restarts it; see its output",
                    upGone: "start it"
                )
            )
        case .hung:
            self.init(
                word: "Does not answer",
                clause: "the gateway accepts connections at \(place.admin) but does not answer",
                nextStep: Self.step(
                    place,
                    NextStep(text: "restart it", command: "systemctl restart postgres-gateway"),
                    up: "stop frost up and start it again",
                    upGone: "restart it"
                )
            )
        case .failed(let fault):
            let clause = "\(fault.prefix(1).lowercased())\(fault.dropFirst())"
            self.init(
                word: "Fault",
                clause: clause.hasSuffix(".") ? String(clause.dropLast()) : clause,
                nextStep: Self.step(place, nil, up: "see the output of frost up", upGone: "start it")
            )
        case .stranger:
            self.init(
                word: "Not the gateway",
                clause: "the program at \(place.admin) is not the gateway, or is another version",
                nextStep: NextStep(
                    text: "set the gateway's admin address",
                    command: "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"
                )
            )
        case .unseen:
            self.init(
                word: "Not seen",
                clause: "frost cannot query the gateway, because its admin address is '\(place.admin)'",
                nextStep: NextStep(
                    text: "set a valid address and port",
                    command: "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"
                )
            )
        }
    }

    /// - Parameters:
    ///   - service: for a gateway that is a separate service.
    ///   - up: for a gateway whose `frost up` is running.
    ///   - upGone: for one whose `frost up` is not running; precedes that command.
    private static func step(_ place: GatewayPlace, _ service: NextStep?, up: String, upGone: String) -> NextStep? {
        switch place.runner {
        case .service: service
        case .frostUp(isRunning: true): NextStep(text: up, command: nil)
        case .frostUp(isRunning: false): NextStep(text: upGone, command: place.hint.command("up"))
        }
    }

    /// The problem of a hostname that no certificate covers.
    package static func uncovered(_ hostname: String) -> Self {
        let names = hostname.firstIndex(of: ".").map { "*\(hostname[$0...])" } ?? hostname
        return Self(
            word: "Not covered",
            clause:
                "no certificate of the gateway covers \(hostname), so clients with sslmode=verify-full cannot connect",
            nextStep: NextStep(
                text: "give the gateway a certificate for \(names), see docs/certificates.md",
                command: nil
            )
        )
    }
}
