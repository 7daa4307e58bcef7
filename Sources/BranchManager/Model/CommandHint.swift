/// The options of this call of frost that commands in messages repeat, so that they use the same state when pasted.
package struct CommandHint: Hashable, Sendable {
    private let repeated: String

    /// - Parameter given: the given options with their values, in order.
    package init(repeating given: [(option: String, value: String)] = []) {
        repeated = given.map { " \($0.option) \(Self.quoted($0.value))" }.joined()
    }

    /// A frost command line.
    package func command(_ text: String) -> String { "frost \(text)\(repeated)" }

    /// Quoted for a shell.
    package static func quoted(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._/:,=@%+".contains($0)) }
        return plain && !text.isEmpty ? text : "'\(text.replacing("'", with: "'\\''"))'"
    }
}
