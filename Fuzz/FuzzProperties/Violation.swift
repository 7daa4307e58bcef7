/// A rule that does not hold for an input.
package struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// - Throws: ``Violation`` with the rule, unless it holds.
func require(_ holds: Bool, _ rule: @autoclosure () -> String) throws(Violation) {
    if !holds { throw Violation(rule()) }
}
