/// Why something cannot be done with a branch, in words for whoever asked.
package enum BranchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A name, a setting or a number that breaks a rule.
    case invalid(String)
    case notFound(String)
    /// There is one of this name already.
    case exists(String)
    /// Not in this state, or never for this branch.
    case notAllowed(String)
    /// Another operation is under way on the same branch.
    case busy(String)
    /// The runtime could not do its part.
    case runtime(String)
    /// The store cannot be used.
    case store(String)

    package var description: String {
        switch self {
        case .invalid(let text), .notFound(let text), .exists(let text), .notAllowed(let text), .busy(let text),
            .runtime(let text), .store(let text):
            text
        }
    }
}
