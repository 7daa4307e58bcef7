import Foundation
import GRDB

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Inspects a store's file before opening it: SQLite creates files beside an open database, and migrations change it,
/// so a foreign database must be recognised without either.
enum StoreFile {
    enum Kind: Hashable, Sendable {
        case absent
        /// A file without tables: a new one, or the main file of a store whose log was left behind.
        case empty
        case own
        /// The database of the Frost that `frost sync` reads.
        case installedFrost
        case foreign
    }

    /// `FrSt`, in the header of every store from migration 5 on (SQLite file format, offset 68).
    static let applicationID = 0x4672_5374
    private static let applicationIDOffset = 68
    private static let headerLength = 100
    private static let magic = Array("SQLite format 3\0".utf8)
    /// Limit of files copied for inspection, in bytes; stores without our mark are much smaller.
    private static let longestLook = 256 * 1_024 * 1_024

    /// - Throws: ``BranchError/store(_:)`` when that cannot be determined.
    static func kind(of path: String) throws(BranchError) -> Kind {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return .absent }
            throw failure("look at", path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .store("\(path) is not a file") }
        if status.st_size == 0 { return .empty }
        let header = try header(of: path)
        guard header.starts(with: magic) else { return .foreign }
        if header.count == headerLength {
            let mark = header[applicationIDOffset..<applicationIDOffset + 4].reduce(0) { $0 << 8 | Int($1) }
            if mark == applicationID { return .own }
        }
        guard status.st_size <= longestLook else { return .foreign }
        return kind(tables: try tables(of: path))
    }

    /// Refuses a database that is not frost's.
    ///
    /// - Throws: ``BranchError/store(_:)`` that names the file.
    static func refuseForeign(_ path: String) throws(BranchError) {
        switch try kind(of: path) {
        case .absent, .empty, .own: return
        case .installedFrost:
            throw .store(
                "\(path) is the database of an installed Frost; use frost sync, or another directory with --data-dir"
            )
        case .foreign: throw .store("\(path) is not frost's store; use another directory with --data-dir")
        }
    }

    private static func kind(tables: Set<String>?) -> Kind {
        guard let tables else { return .foreign }
        if tables.isEmpty { return .empty }
        if tables.isSuperset(of: ["_migrations", "database_targets"]) { return .installedFrost }
        // Only the first one: the process that created the store was killed during its first migration.
        if tables == ["grdb_migrations"] || tables.isSuperset(of: ["grdb_migrations", "target", "operation"]) {
            return .own
        }
        return .foreign
    }

    private static func header(of path: String) throws(BranchError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: headerLength)
        let count = read(descriptor, &header, header.count)
        guard count >= 0 else { throw failure("read", path) }
        return Array(header.prefix(count))
    }

    /// The tables of a database, including its log, read from a copy in a temporary directory.
    ///
    /// - Returns: nil for a file that SQLite does not understand.
    private static func tables(of path: String) throws(BranchError) -> Set<String>? {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("frost-look.\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(
                at: place,
                withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700]
            )
            defer { try? FileManager.default.removeItem(at: place) }
            let copy = place.appendingPathComponent("copy.db").path
            // The log first: changes that a checkpoint moves in the meantime are then in both copies rather than in
            // none.
            if FileManager.default.fileExists(atPath: "\(path)-wal") {
                try FileManager.default.copyItem(atPath: "\(path)-wal", toPath: "\(copy)-wal")
            }
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            let queue = try DatabaseQueue(path: copy)
            defer { try? queue.close() }
            return try queue.read { db in
                try Set(
                    String.fetchAll(
                        db,
                        sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'"
                    )
                )
            }
        } catch is DatabaseError {
            return nil
        } catch {
            throw .store("cannot determine what \(path) is: \(error.localizedDescription)")
        }
    }

    private static func failure(_ what: String, _ path: String) -> BranchError {
        .store("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
