/// Ids of records: a prefix and 20 random characters of [0-9a-z].
package enum Identifier: String, CaseIterable, Sendable {
    case project = "proj"
    case database = "db"
    case target = "dbt"
    case operation = "op"

    private static let characters = Array("0123456789abcdefghijklmnopqrstuvwxyz")
    package static let length = 20

    /// A new id, unique by 103 random bits.
    package func make() -> String {
        var generator = SystemRandomNumberGenerator()
        let random = (0..<Self.length).map { _ in
            Self.characters[Int.random(in: Self.characters.indices, using: &generator)]
        }
        return "\(rawValue)_\(String(random))"
    }
}
