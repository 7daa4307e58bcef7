import BranchManager
import Foundation
import GRDB
import RouteMap
import TestSupport
import Testing

/// The log beside a store's file: whether both are of one time and one store.
@Suite struct StoreLogTests {
    private static func change(_ store: BranchStore, _ name: String) throws {
        try store.setWildcardBase(Hostname("\(name).example.net"))
    }

    /// As a process that is killed leaves them, or as they are copied while one runs.
    private static func copy(_ from: TemporaryDirectory, _ names: [String], to other: TemporaryDirectory) throws {
        for name in names {
            try? FileManager.default.removeItem(atPath: other.file(name))
            try FileManager.default.copyItem(atPath: from.file(name), toPath: other.file(name))
        }
    }

    private static func refuse(_ directory: TemporaryDirectory, sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        let before = try ["frost.db", "frost.db-wal"].map {
            try Data(contentsOf: URL(fileURLWithPath: directory.file($0)))
        }
        let error = #expect(throws: BranchError.self, sourceLocation: sourceLocation) {
            try BranchStore.open(in: directory.path)
        }
        guard case .store(let text) = error else {
            return #expect(Bool(false), "\(error.debugDescription)", sourceLocation: sourceLocation)
        }
        #expect(
            text.text.contains(directory.file("frost.db-wal")) && text.text.contains("does not match the log"),
            "\(text)",
            sourceLocation: sourceLocation
        )
        // Neither is touched: the next try may be the right one.
        let after = try ["frost.db", "frost.db-wal"].map {
            try Data(contentsOf: URL(fileURLWithPath: directory.file($0)))
        }
        #expect(before == after, sourceLocation: sourceLocation)
    }

    @Test("The log of a later time beside an older store, whatever the log has: a lost store")
    func laterLog() throws {
        let (directory, backup) = (try TemporaryDirectory("now"), try TemporaryDirectory("backup"))
        defer { for place in [directory, backup] { place.remove() } }
        do { try Self.change(BranchStore.open(in: directory.path), "backup") }
        try Self.copy(directory, ["frost.db"], to: backup)
        let store = try BranchStore.open(in: directory.path)
        // The same pages as in the backup: nothing is damaged, and nobody would see it.
        try Self.change(store, "folded")
        store.checkpoint()
        try Self.change(store, "lost")
        try Self.copy(directory, ["frost.db-wal"], to: backup)
        try Self.refuse(backup)
        // One change, or many.
        for number in 0..<50 { try Self.change(store, "more\(number)") }
        try Self.copy(directory, ["frost.db-wal"], to: backup)
        try Self.refuse(backup)
        // What the message says to do.
        try FileManager.default.removeItem(atPath: backup.file("frost.db-wal"))
        #expect(try BranchStore.open(in: backup.path).wildcardBase()?.name == "backup.example.net")
        #expect(try store.wildcardBase()?.name == "more49.example.net")
    }

    @Test("The log of an earlier time beside a newer store: a lost store")
    func earlierLog() throws {
        let (directory, mixed) = (try TemporaryDirectory("now"), try TemporaryDirectory("mixed"))
        defer { for place in [directory, mixed] { place.remove() } }
        let store = try BranchStore.open(in: directory.path)
        try Self.change(store, "early")
        try Self.copy(directory, ["frost.db-wal"], to: mixed)
        store.checkpoint()
        try Self.change(store, "late")
        store.checkpoint()
        try Self.copy(directory, ["frost.db"], to: mixed)
        try Self.refuse(mixed)
        try FileManager.default.removeItem(atPath: mixed.file("frost.db-wal"))
        #expect(try BranchStore.open(in: mixed.path).wildcardBase()?.name == "late.example.net")
    }

    @Test("The log of another host's store, and of the same store after it went another way: a lost store")
    func otherStore() throws {
        let places = try ["one", "other", "fork"].map { try TemporaryDirectory($0) }
        defer { for place in places { place.remove() } }
        let (one, other, fork) = (places[0], places[1], places[2])
        do { for place in [one, other] { try Self.change(BranchStore.open(in: place.path), "made") } }
        // A copy goes on by itself, with as many changes.
        try Self.copy(one, ["frost.db"], to: fork)
        for place in [other, fork] {
            do { try Self.change(BranchStore.open(in: place.path), "folded") }
            let store = try BranchStore.open(in: place.path)
            try Self.change(store, "last")
            try Self.copy(place, ["frost.db-wal"], to: one)
            try Self.refuse(one)
        }
    }

    @Test(
        "A log of a version without marks beside a store without them is read, and one beside a store with them is not refused"
    )
    func withoutMarks() throws {
        let (directory, backup) = (try TemporaryDirectory("now"), try TemporaryDirectory("old"))
        defer { for place in [directory, backup] { place.remove() } }
        let store = try BranchStore.open(in: directory.path)
        try Self.change(store, "marked")
        store.checkpoint()
        // As somebody writes with another program: the log has no mark at all.
        let pool = try DatabasePool(path: directory.file("frost.db"))
        try pool.write { db in
            try db.execute(sql: "UPDATE setting SET value = 'other.example.net' WHERE value LIKE 'marked%'")
        }
        try Self.copy(directory, ["frost.db", "frost.db-wal"], to: backup)
        #expect(try BranchStore.open(in: backup.path).wildcardBase()?.name == "other.example.net")
        // And VACUUM, which moves the table elsewhere.
        try pool.write { db in
            try db.execute(sql: "CREATE TABLE more (x); INSERT INTO more VALUES (1); DROP TABLE more")
        }
        try pool.writeWithoutTransaction { db in try db.execute(sql: "VACUUM") }
        try Self.change(store, "after")
        try Self.copy(directory, ["frost.db", "frost.db-wal"], to: backup)
        #expect(try BranchStore.open(in: backup.path).wildcardBase()?.name == "after.example.net")
    }

    @Test("What a killed process leaves, and both files copied at any moment of a checkpoint, are one store")
    func together() throws {
        let (directory, copy) = (try TemporaryDirectory("now"), try TemporaryDirectory("copy"))
        defer { for place in [directory, copy] { place.remove() } }
        let store = try BranchStore.open(in: directory.path)
        let files = ["frost.db", "frost.db-wal"]
        for number in 0..<5 {
            try Self.change(store, "a\(number)")
            try Self.copy(directory, files, to: copy)
            #expect(try BranchStore.open(in: copy.path).wildcardBase()?.name == "a\(number).example.net")
        }
        // A reader keeps a checkpoint from going all the way, and from beginning the log anew.
        let reader = try DatabaseQueue(path: directory.file("frost.db"))
        try reader.inDatabase { db in
            try db.execute(sql: "BEGIN; SELECT * FROM setting")
            _ = try Row.fetchAll(db, sql: "SELECT * FROM setting")
            for number in 0..<3 {
                try Self.change(store, "b\(number)")
                store.checkpoint()
                try Self.copy(directory, files, to: copy)
                #expect(try BranchStore.open(in: copy.path).wildcardBase()?.name == "b\(number).example.net")
            }
            try db.execute(sql: "COMMIT")
        }
        // The log begins anew in the same file.
        for number in 0..<3 {
            try Self.change(store, "c\(number)")
            let pool = try DatabasePool(path: directory.file("frost.db"))
            _ = try pool.writeWithoutTransaction { db in try db.checkpoint(.full) }
            try Self.change(store, "d\(number)")
            try Self.copy(directory, files, to: copy)
            #expect(try BranchStore.open(in: copy.path).wildcardBase()?.name == "d\(number).example.net")
        }
    }

    @Test("Opened again and again while others write and checkpoint: never taken for a lost one")
    func busy() async throws {
        let directory = try TemporaryDirectory("busy")
        defer { directory.remove() }
        let stores = try (0..<3).map { _ in try BranchStore.open(in: directory.path) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (writer, store) in stores.enumerated() {
                group.addTask(executorPreference: BlockingWork.executor) {
                    for number in 0..<100 {
                        try Self.change(store, "w\(writer)n\(number)")
                        if number % 7 == 0 { store.checkpoint() }
                    }
                }
            }
            for _ in 0..<2 {
                group.addTask(executorPreference: BlockingWork.executor) {
                    for _ in 0..<60 { try BranchStore.checkFile(in: directory.path) }
                    for _ in 0..<10 { _ = try BranchStore.open(in: directory.path).wildcardBase() }
                }
            }
            try await group.waitForAll()
        }
        #expect(try stores[0].wildcardBase() != nil)
    }
}
