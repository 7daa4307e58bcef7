import Foundation

/// A line of the gateway's log, parsed as the JSON it is; values as text.
package struct LogLine: Sendable {
    package let text: String
    private let values: [String: String]

    /// - Parameter text: nil comes of one that is no JSON object.
    package init?(_ text: String) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
            return nil
        }
        self.text = text
        values = object.mapValues { "\($0)" }
    }

    package subscript(key: String) -> String? { values[key] }
}
