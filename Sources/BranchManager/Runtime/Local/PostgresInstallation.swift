import Foundation

/// PostgreSQL's programs on this host.
package struct PostgresInstallation: Hashable, Sendable {
    /// The directory of `initdb`, `pg_ctl` and `pg_basebackup`.
    package let programs: String

    /// - Parameter directory: nil for the newest that Debian's packages installed.
    /// - Throws: ``BranchError/invalid(_:)`` when there is none.
    package init(directory: String? = nil) throws(BranchError) {
        if let directory {
            guard FileManager.default.isExecutableFile(atPath: "\(directory)/initdb") else {
                throw .invalid("\(directory) has no initdb; give the directory of PostgreSQL's programs")
            }
            programs = directory
            return
        }
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        let servers = versions.filter { FileManager.default.isExecutableFile(atPath: "\(base)/\($0)/bin/initdb") }
        guard let newest = servers.compactMap(Int.init).max() else {
            throw .invalid("no PostgreSQL server under \(base); install one: apt-get install postgresql")
        }
        programs = "\(base)/\(newest)/bin"
    }
}
