import BranchManager
import BranchTestSupport
import Foundation
import GRDB
import RouteMap
import TestSupport
import Testing

/// Files that are no store, stores that are not those of the data beside them, and what the one file holds.
@Suite struct StoreFileTests {
    /// All that is in a directory, with sizes and times of change.
    private func contents(_ directory: TemporaryDirectory) throws -> [String: String] {
        var found: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: directory.path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: directory.file(name))
            found[name] = "\(attributes[.size] ?? "") \(attributes[.modificationDate] ?? "")"
        }
        return found
    }

    enum Stranger: String, CaseIterable, Sendable {
        case frost
        case frostInItsLogOnly
        case otherProgram
        case otherUserOfGRDB
        case text
    }

    @Test(
        "A file of somebody else's is refused by its name, and nothing is changed or made beside it",
        arguments: Stranger.allCases
    )
    func foreign(stranger: Stranger) throws {
        let directory = try TemporaryDirectory("foreign")
        defer { directory.remove() }
        let file = directory.file("frost.db")
        var other: DatabasePool?
        switch stranger {
        case .text: try directory.write(String(repeating: "notes ", count: 100), to: "frost.db")
        case .otherProgram:
            let queue = try DatabaseQueue(path: file)
            try queue.write { db in try db.execute(sql: "CREATE TABLE invoice (id INTEGER PRIMARY KEY)") }
            try queue.close()
        case .otherUserOfGRDB:
            let queue = try DatabaseQueue(path: file)
            try queue.write { db in
                try db.execute(sql: "CREATE TABLE grdb_migrations (identifier TEXT); CREATE TABLE player (id INTEGER)")
            }
            try queue.close()
        case .frost, .frostInItsLogOnly:
            let pool = try DatabasePool(path: file)
            try pool.write { db in
                try db.execute(
                    sql:
                        "CREATE TABLE _migrations (id INTEGER); CREATE TABLE database_targets (id TEXT); CREATE TABLE settings (key TEXT)"
                )
            }
            if stranger == .frost { try pool.close() } else { other = pool }
        }
        let before = try contents(directory)
        for making in [true, false] {
            let error = #expect(throws: BranchError.self) { try BranchStore.open(in: directory.path, making: making) }
            #expect(error?.description.contains(file) == true)
            let isFrost = stranger == .frost || stranger == .frostInItsLogOnly
            #expect(
                error?.description.contains(isFrost ? "use frost sync" : "is not frost's store") == true,
                "\(error.debugDescription)"
            )
        }
        #expect(try contents(directory) == before)
        try other?.close()
    }

    @Test("When the last process has ended, the one file is the whole store")
    func wholeFile() throws {
        let directory = try TemporaryDirectory("whole")
        defer { directory.remove() }
        do {
            let store = try BranchStore.open(in: directory.path)
            try store.setWildcardBase(Hostname("example.net"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["frost.db"])
        // And one that goes on has its tables in the file from the start, and the rest after a checkpoint.
        let store = try BranchStore.open(in: directory.path)
        try store.setWildcardBase(Hostname("example.org"))
        store.checkpoint()
        let copy = try TemporaryDirectory("copy")
        defer { copy.remove() }
        try FileManager.default.copyItem(atPath: directory.file("frost.db"), toPath: copy.file("frost.db"))
        #expect(try BranchStore.open(in: copy.path).wildcardBase()?.name == "example.org")
        #expect(try store.wildcardBase()?.name == "example.org")
    }

    @Test("A store of before this version is known for one, and gets its mark")
    func older() throws {
        let directory = try TemporaryDirectory("older")
        defer { directory.remove() }
        do {
            let store = try BranchStore.open(in: directory.path)
            try store.write { db in
                try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier LIKE '5:%'")
                try db.execute(sql: "ALTER TABLE operation DROP COLUMN triedAt; PRAGMA application_id = 0")
            }
        }
        for _ in 0..<2 { #expect(try BranchStore.open(in: directory.path).branches().isEmpty) }
        let header = try Data(contentsOf: URL(fileURLWithPath: directory.file("frost.db"))).prefix(100)
        #expect(header.dropFirst(68).prefix(4).elementsEqual("FrSt".utf8))
    }

    enum Restored: String, CaseIterable, Sendable {
        /// The main file of a store in use, as it was before its log was folded in for the first time.
        case emptyMainFile
        case none
        case ofLength0
        case fromBeforeAllBranches
        case fromAnotherHost
    }

    @Test("A store that knows none of the branches beside it is a lost one", arguments: Restored.allCases)
    func lost(restored: Restored) async throws {
        let directory = try TemporaryDirectory("lost")
        defer { directory.remove() }
        let file = directory.file("frost.db")
        try FileManager.default.createDirectory(
            atPath: directory.file("branches/dbt_00000000000000000001/data"),
            withIntermediateDirectories: true
        )
        switch restored {
        case .none: break
        case .ofLength0: try directory.write("", to: "frost.db")
        case .emptyMainFile:
            let queue = try DatabaseQueue(path: file)
            try await queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA journal_mode = WAL; CREATE TABLE t (x); DROP TABLE t")
            }
            try queue.close()
        case .fromBeforeAllBranches, .fromAnotherHost:
            let other = try TemporaryDirectory("other")
            defer { other.remove() }
            do {
                let store = try BranchStore.open(in: other.path)
                if restored == .fromAnotherHost {
                    try store.write { db in
                        try db.execute(
                            sql:
                                "INSERT INTO operation (id, targetId, action, status, startedAt) VALUES ('op_1', 'dbt_00000000000000000002', 'create', 'succeeded', '2026-01-01')"
                        )
                    }
                }
            }
            try FileManager.default.copyItem(atPath: other.file("frost.db"), toPath: file)
        }
        let error = #expect(throws: BranchError.self) { try BranchStore.open(in: directory.path) }
        guard case .store(let text) = error else { return #expect(Bool(false), "\(error.debugDescription)") }
        #expect(text.text.contains(file) && text.text.contains("1 branch"), "\(text)")
    }

    @Test(
        "Data of branches that were deleted, or are not those of the store alone, are no reason to refuse it; recovery names them"
    )
    func strangers() async throws {
        let directory = try TemporaryDirectory("strangers")
        defer { directory.remove() }
        let known = "dbt_00000000000000000001"
        do {
            let store = try BranchStore.open(in: directory.path)
            try store.write { db in
                try db.execute(
                    sql:
                        "INSERT INTO operation (id, targetId, action, status, startedAt) VALUES ('op_1', ?, 'delete', 'failed', '2026-01-01')",
                    arguments: [known]
                )
            }
        }
        for name in [known, "dbt_00000000000000000002", "lost+found"] {
            try FileManager.default.createDirectory(
                atPath: directory.file("branches/\(name)"),
                withIntermediateDirectories: true
            )
        }
        let store = try BranchStore.open(in: directory.path)
        let runtime = FakeRuntime()
        let manager = try BranchManager(
            store: store,
            runtimes: [
                .local: await LocalRuntime(
                    directory: directory.file("branches"),
                    installations: PostgresInstallations.find()
                )
            ],
            routes: FakeRoutes(runtime: runtime, store: store),
            directory: directory.path,
            hostPorts: HostPorts.next()
        )
        let found = try await manager.strangers()
        #expect(found.count == 1)
        #expect(found.first?.contains("dbt_00000000000000000002") == true, "\(found)")
        #expect(FileManager.default.fileExists(atPath: directory.file("branches/dbt_00000000000000000002")))
    }

    @Test("A store with a page of another time in it is found damaged, not served")
    func damaged() throws {
        let directory = try TemporaryDirectory("damaged")
        defer { directory.remove() }
        let file = directory.file("frost.db")
        do {
            let store = try BranchStore.open(in: directory.path)
            try store.write { db in
                for number in 0..<200 {
                    try db.execute(
                        sql:
                            "INSERT INTO operation (id, targetId, action, status, startedAt, message) VALUES (?, 'dbt_x', 'stop', 'failed', '2026-01-01', ?)",
                        arguments: ["op_\(number)", String(repeating: "x", count: 500)]
                    )
                }
            }
        }
        try BranchStore.open(in: directory.path).checkIntegrity()
        // The middle of the file, as its end is.
        let handle = try #require(FileHandle(forUpdatingAtPath: file))
        let size = try handle.seekToEnd()
        let pages = size / 4_096
        try handle.seek(toOffset: (pages - 1) * 4_096)
        let last = try handle.readToEnd() ?? Data()
        try handle.seek(toOffset: pages / 2 * 4_096)
        try handle.write(contentsOf: last)
        try handle.close()
        let restored = try BranchStore.open(in: directory.path)
        let error = #expect(throws: BranchError.self) { try restored.checkIntegrity() }
        #expect(error?.description.contains("frost.db-wal") == true)
    }
}
