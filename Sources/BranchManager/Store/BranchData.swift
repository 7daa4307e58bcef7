import Foundation
import GRDB

/// Locations of branches' data in a data directory, by runtime.
package enum BranchData {
    /// The directory of all branches of a runtime, with a subdirectory for each id.
    package static func place(of runtime: RuntimeKind, in directory: String) -> String {
        switch runtime {
        case .local: "\(directory)/branches"
        case .docker: "\(directory)/containers"
        }
    }

    /// Ids of the branches with data in a directory.
    static func ids(in place: String) -> Set<String> {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        return Set(names.filter { $0.hasPrefix("\(Identifier.target.rawValue)_") })
    }

    /// A new store would not know existing branches, and would remove them from the route map.
    static func refuseLost(_ directory: String) throws(BranchError) {
        for runtime in RuntimeKind.allCases {
            let place = place(of: runtime, in: directory)
            let count = ids(in: place).count
            guard count == 0 else {
                throw .store(
                    "the store \(BranchStore.path(in: directory)) is missing or empty, but \(place) contains the data of "
                        + "\(counted(count)); restore the store from a backup, or move \(place) away"
                )
            }
        }
    }

    static func counted(_ branches: Int) -> String { branches == 1 ? "1 branch" : "\(branches) branches" }
}

extension BranchStore {
    /// Refuses files in a data directory that must not be opened as a store, without changing them: a foreign database,
    /// a missing or empty store beside the data of branches, and a store beside the log of another store or time.
    ///
    /// - Throws: ``BranchError/store(_:)`` that names the file.
    package static func checkFile(in directory: String) throws(BranchError) {
        let path = path(in: directory)
        try StoreFile.refuseForeign(path)
        guard exists(in: directory) else { return try BranchData.refuseLost(directory) }
        guard StoreLog.belongs(to: path) else {
            throw .store(
                "the store \(path) does not match the log \(path)-wal beside it, which is from another time or another store; "
                    + "move \(path)-wal and \(path)-shm away to use \(path) as it is, or restore both files from one "
                    + "backup (docs/backup.md)"
            )
        }
    }

    /// Refuses a store from another time or host, which knows none of the branches with data beside it.
    func checkKnowsData(in directory: String) throws(BranchError) {
        let present = RuntimeKind.allCases.reduce(into: Set<String>()) {
            $0.formUnion(BranchData.ids(in: BranchData.place(of: $1, in: directory)))
        }
        guard !present.isEmpty, try knownBranches().isDisjoint(with: present) else { return }
        throw .store(
            "the store \(Self.path(in: directory)) is the wrong one: it knows none of the \(BranchData.counted(present.count)) "
                + "with data in \(directory); restore the store that belongs to them (docs/backup.md)"
        )
    }

    /// Ids of all current and former branches.
    func knownBranches() throws(BranchError) -> Set<String> {
        try read { db in
            try Set(String.fetchAll(db, sql: "SELECT id FROM target UNION SELECT targetId FROM operation"))
        }
    }

    /// Checks the whole file: a store restored beside the log of another would be a mixture of both.
    ///
    /// - Throws: ``BranchError/store(_:)`` with the first fault.
    package func checkIntegrity() throws(BranchError) {
        let found = try read { db in try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "ok" }
        guard found == "ok" else {
            throw .store(
                "\(file) is damaged (\(found)); restore a backup of it, without any frost.db-wal (docs/backup.md)"
            )
        }
    }
}
