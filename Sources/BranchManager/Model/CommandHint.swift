/// How frost was called: the options that a command in a message repeats, so that it finds the same state when pasted.
package struct CommandHint: Hashable, Sendable {
    private let repeated: String

    /// - Parameter given: options with the values that were given, in the order in which they are repeated.
    package init(repeating given: [(option: String, value: String)] = []) {
        repeated = given.map { " \($0.option) \(Self.quoted($0.value))" }.joined()
    }

    /// A command line of frost's.
    package func command(_ text: String) -> String { "frost \(text)\(repeated)" }

    /// As a shell reads it back.
    package static func quoted(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._/:,=@%+".contains($0)) }
        return plain && !text.isEmpty ? text : "'\(text.replacing("'", with: "'\\''"))'"
    }
}
