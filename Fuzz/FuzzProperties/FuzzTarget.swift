package import NIOCore

/// What is fuzzed. The raw value names the fuzzer's program and the folder of its corpus.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Connections of all kinds with admission, in any order of events.
    case admission = "fuzz-admission"
    /// The ClientHello.
    case hello = "fuzz-hello"
    /// Each state machine by itself.
    case machine = "fuzz-machine"
    /// The route map.
    case routes = "fuzz-routes"
    /// Start-up packets, a server's first messages, texts.
    case startup = "fuzz-startup"

    /// Checks what holds for any input.
    ///
    /// - Throws: ``Violation`` with the rule that is broken.
    package func check(_ input: ByteBuffer) throws(Violation) {
        var input = input
        switch self {
        case .admission: try AdmissionScript.run(&input)
        case .hello: try HelloProperties.check(&input)
        case .machine: try MachineProperties.check(&input)
        case .routes: try RouteProperties.check(&input)
        case .startup: try StartupProperties.check(&input)
        }
    }
}
