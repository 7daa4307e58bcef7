/// Why an operation on a branch failed, as a message for the user.
package enum BranchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A name, a setting or a number that breaks a rule.
    case invalid(Reason)
    case notFound(Reason)
    /// The name is already in use.
    case exists(Reason)
    /// Not allowed in this state, or for this branch.
    case notAllowed(Reason)
    /// Another operation is running on the same branch.
    case busy(Reason)
    /// It was cancelled; the reason describes what it leaves.
    case cancelled(Reason)
    /// The runtime failed.
    case runtime(Reason)
    /// The store failed.
    case store(Reason)

    package var reason: Reason {
        switch self {
        case .invalid(let reason), .notFound(let reason), .exists(let reason), .notAllowed(let reason),
            .busy(let reason), .cancelled(let reason), .runtime(let reason), .store(let reason):
            reason
        }
    }

    package var description: String { reason.text }

    /// The command for the next step; nil if there is none.
    package var next: String? { reason.next }

    /// A sentence, with the command for the next step marked by `\(next: …)`.
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

            /// The text of another error, with its next step.
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
