/// Why an operation on a branch failed, as a message for the user.
package enum BranchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A name, a setting or a number that breaks a rule.
    case invalid(Reason)
    case notFound(Reason)
    /// There is one of this name already.
    case exists(Reason)
    /// Not in this state, or never for this branch.
    case notAllowed(Reason)
    /// Another operation is under way on the same branch.
    case busy(Reason)
    /// Somebody has cancelled it; what it leaves is in the reason.
    case cancelled(Reason)
    /// The runtime could not do its part.
    case runtime(Reason)
    /// The store cannot be used.
    case store(Reason)

    package var reason: Reason {
        switch self {
        case .invalid(let reason), .notFound(let reason), .exists(let reason), .notAllowed(let reason),
            .busy(let reason), .cancelled(let reason), .runtime(let reason), .store(let reason):
            reason
        }
    }

    package var description: String { reason.text }

    /// The command that is the next step; nil where none is known.
    package var next: String? { reason.next }

    /// A sentence, and the command in it that is the next step: `\(next: …)` marks that one.
    package struct Reason: Hashable, Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
        package let text: String
        package let next: String?

        package init(_ text: String, next: String? = nil) {
            self.text = text
            self.next = next
        }

        package init(stringLiteral text: String) { self.init(text) }

        package init(stringInterpolation parts: Parts) { self.init(parts.text, next: parts.next) }

        package var description: String { text }

        package static func + (one: Reason, other: Reason) -> Reason {
            Reason(one.text + other.text, next: one.next ?? other.next)
        }

        package struct Parts: StringInterpolationProtocol {
            fileprivate var text = ""
            fileprivate var next: String?

            package init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

            package mutating func appendLiteral(_ literal: String) { text += literal }

            package mutating func appendInterpolation(_ value: some Any) { text += "\(value)" }

            /// What another error says, with its next step.
            package mutating func appendInterpolation(_ error: BranchError) {
                text += error.description
                next = next ?? error.next
            }

            /// A command for the reader to paste.
            package mutating func appendInterpolation(next command: String) {
                text += command
                next = next ?? command
            }
        }
    }
}
