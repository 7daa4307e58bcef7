import Foundation
import GRDB

/// Marks of the store's last change and the one before it: random, so that no two histories share one.
///
/// Every transaction sets a new one. The log of SQLite then shows the state of the store's file that it continues,
/// which SQLite itself does not check: it replays any log beside a file.
struct StoreMark: Hashable, Sendable {
    /// All zero for the first.
    var previous: [UInt8]
    var current: [UInt8]

    private static let table = "changeMark"
    private static let length = 16
    private static let magic = Array("frost store mark".utf8)

    static func make(in db: Database) throws {
        try db.create(table: table) { table in
            table.primaryKey("id", .integer)
            table.column("mark", .blob).notNull()
        }
        let first = StoreMark(previous: [UInt8](repeating: 0, count: length), current: random())
        try db.execute(sql: "INSERT INTO \(table) (id, mark) VALUES (1, ?)", arguments: [first.data])
    }

    /// Runs a change, and sets a new mark if it changed something.
    static func marking<Value>(_ db: Database, _ body: (Database) throws -> Value) throws -> Value {
        let before = db.totalChangesCount
        let value = try body(db)
        if db.totalChangesCount != before { try advance(db) }
        return value
    }

    private static func advance(_ db: Database) throws {
        guard let data = try Data.fetchOne(db, sql: "SELECT mark FROM \(table) WHERE id = 1"),
            let last = StoreMark(Array(data))
        else { return }
        let next = StoreMark(previous: last.current, current: random())
        try db.execute(sql: "UPDATE \(table) SET mark = ? WHERE id = 1", arguments: [next.data])
    }

    var isFirst: Bool { previous.allSatisfy { $0 == 0 } }

    private init(previous: [UInt8], current: [UInt8]) {
        self.previous = previous
        self.current = current
    }

    private init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size, bytes.starts(with: Self.magic) else { return nil }
        previous = Array(bytes.dropFirst(Self.magic.count).prefix(Self.length))
        current = Array(bytes.suffix(Self.length))
    }

    private var data: Data { Data(Self.magic + previous + current) }

    private static var size: Int { magic.count + 2 * length }

    private static func random() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    // MARK: In a page of the file (SQLite file format, sections 1.6 and 2.1)

    /// A leaf of a table.
    private static let leaf: UInt8 = 0x0d

    /// The start of a record: the length of the rest and its row id; then the length of its header and the types of its
    /// columns, the row id (0) and a BLOB.
    private static let recordStart: [UInt8] = [UInt8(size + 3), 1, 3, 0, UInt8(size * 2 + 12)]

    /// The mark that a page of the store has; nil for a page of another table.
    init?(page: [UInt8]) {
        guard page.count > 10, page[0] == Self.leaf, page[3] == 0, page[4] == 1 else { return nil }
        let record = page.dropFirst(Int(page[8]) << 8 | Int(page[9]))
        guard record.starts(with: Self.recordStart) else { return nil }
        self.init(Array(record.dropFirst(Self.recordStart.count).prefix(Self.size)))
    }
}
