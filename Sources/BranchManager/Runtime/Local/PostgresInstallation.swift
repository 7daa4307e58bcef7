import Foundation
import Subprocess
import SystemPackage

/// PostgreSQL's programs of one major version on this host.
package struct PostgresInstallation: Hashable, Sendable {
    package let major: Int
    /// The directory of `initdb`, `pg_ctl` and `pg_basebackup`.
    package let programs: String

    package init(major: Int, programs: String) {
        self.major = major
        self.programs = programs
    }
}

/// The major versions of PostgreSQL on this host.
///
/// Looked up each time, so that new versions are found without a restart of `frost up`.
package struct PostgresInstallations: Sendable {
    /// Directories named by the operator, which take precedence over those of packages.
    private let named: [PostgresInstallation]
    private let base: String

    /// The directory of Debian's packages, with a subdirectory for each version.
    package static let packages = "/usr/lib/postgresql"

    /// - Parameters:
    ///   - named: directories of programs, separated by colons; nil for none.
    ///   - base: contains a directory `<major>/bin` for each version.
    /// - Throws: ``BranchError/invalid(_:)`` if a named directory has no `initdb`, or no version is installed.
    package static func find(
        _ named: String? = nil,
        base: String = packages
    ) async throws(BranchError) -> PostgresInstallations {
        var installations: [PostgresInstallation] = []
        for directory in (named ?? "").split(separator: ":").map(String.init) {
            installations.append(PostgresInstallation(major: try await major(of: directory), programs: directory))
        }
        let found = PostgresInstallations(named: installations, base: base)
        _ = try found.forNewDatabase(nil)
        return found
    }

    /// All versions, newest first; of several with the same version, the first.
    package func all() -> [PostgresInstallation] {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        let packaged = versions.compactMap(Int.init).map {
            PostgresInstallation(major: $0, programs: "\(base)/\($0)/bin")
        }
        // The client package creates the same directory, without the server's programs.
        .filter { FileManager.default.isExecutableFile(atPath: "\($0.programs)/initdb") }
        var found: [Int: PostgresInstallation] = [:]
        for installation in named + packaged where found[installation.major] == nil {
            found[installation.major] = installation
        }
        return found.values.sorted { $0.major > $1.major }
    }

    /// The version of a new database: the requested one, else the newest of the named ones, else the newest.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` that names the package to install.
    package func forNewDatabase(_ major: Int?) throws(BranchError) -> PostgresInstallation {
        let all = all()
        if let major {
            if let found = all.first(where: { $0.major == major }) { return found }
            let others = all.map { String($0.major) }.joined(separator: ", ")
            throw .invalid(
                "PostgreSQL \(major) is not installed on this host\(others.isEmpty ? "" : " (installed: \(others))"); "
                    + "\(Self.hint(major))"
            )
        }
        if let newest = named.max(by: { $0.major < $1.major }) ?? all.first { return newest }
        throw .invalid("no PostgreSQL server under \(base); install one: apt-get install postgresql")
    }

    /// The version of a server's data.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` that names the package to install.
    package func running(data major: Int) throws(BranchError) -> PostgresInstallation {
        if let found = all().first(where: { $0.major == major }) { return found }
        throw .runtime(
            "the branch's data needs PostgreSQL \(major), which is not installed on this host; \(Self.hint(major))"
        )
    }

    private static func hint(_ major: Int) -> String {
        "install postgresql-\(major), or name the directory of its programs with --postgres-bin (FROST_POSTGRES_BIN)"
    }

    /// The first number in the output of `initdb --version`: `initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    private static func major(of directory: String) async throws(BranchError) -> Int {
        let program = "\(directory)/initdb"
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw .invalid("\(directory) contains no initdb; use the directory of PostgreSQL's programs")
        }
        do {
            let result = try await Subprocess.run(
                .path(FilePath(program)),
                arguments: ["--version"],
                environment: .custom(["LANG": "C"]),
                output: .string(limit: 1_024),
                error: .discarded
            )
            let words = result.standardOutput.split(separator: " ")
            if let major = words.lazy.compactMap({ Int($0.prefix(while: \.isNumber)) }).first { return major }
        } catch {
            throw .invalid("could not run \(program): \(error)")
        }
        throw .invalid("\(program) does not report its PostgreSQL version")
    }
}
