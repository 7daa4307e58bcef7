import Foundation
import TestSupport
import Testing

/// docs/symptoms.md quotes clients: each quotation is produced here by that client, word for word.
@Suite struct SymptomTests {
    /// A quotation of the page: a fenced block whose language names the client.
    private struct Quotation: CustomStringConvertible {
        var section: String
        var client: String
        var text: String

        var description: String { "\(section), \(client)" }

        /// All quotations of the page, in order.
        static func all() throws -> [Quotation] {
            let page = try String(contentsOfFile: "\(Checkout.root)/docs/symptoms.md", encoding: .utf8)
            var found: [Quotation] = []
            var section = ""
            var open: (client: String, lines: [String])?
            for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
                if let block = open {
                    open?.lines.append(line)
                    guard line == "```" else { continue }
                    let text = block.lines.joined(separator: "\n")
                    found.append(Quotation(section: section, client: block.client, text: text))
                    open = nil
                } else if line.hasPrefix("```") {
                    open = (String(line.dropFirst(3)), [])
                } else if line.hasPrefix("## ") {
                    section = String(line.dropFirst(3))
                }
            }
            return found
        }

        /// Whether a client has said this; `…` in the quotation stands for any text.
        func matches(_ said: String) -> Bool {
            var rest = said[...]
            for (index, part) in text.components(separatedBy: "…").enumerated() where !part.isEmpty {
                guard let range = rest.range(of: part), index > 0 || range.lowerBound == rest.startIndex else {
                    return false
                }
                rest = rest[range.upperBound...]
            }
            return rest.isEmpty || text.hasSuffix("…")
        }
    }

    @Test("Every quotation of docs/symptoms.md is what the client says, and no symptom is missing there")
    func quotations() async throws {
        var said = try await SymptomHost.run { host in
            var said: [String: String] = [:]
            for symptom in Symptom.all {
                said["\(symptom.section), \(symptom.client)"] = SymptomHost.normalize(try await symptom.produce(host))
            }
            return said
        }
        for quotation in try Quotation.all() {
            guard let words = said.removeValue(forKey: quotation.description) else {
                Issue.record("nothing produces \(quotation)")
                continue
            }
            #expect(
                quotation.matches(words),
                "\(quotation): the page has\n\(quotation.text)\nwhere the client says\n\(words)"
            )
        }
        for (place, words) in said { Issue.record("the page lacks \(place):\n\(words)") }
    }
}
