import BranchManager
import Foundation
import FrostServer
import Subprocess
import SystemPackage

/// The URL of a database without its secrets, which are separate: every user of a host can read arguments.
struct ImportSource: Sendable {
    /// Without a password.
    let url: String
    let password: String?

    /// - Throws: ``BranchError/invalid(_:)`` for a text that is not a PostgreSQL URL.
    init(_ text: String) throws(BranchError) {
        guard text.hasPrefix("postgresql://") || text.hasPrefix("postgres://"), var parts = URLComponents(string: text),
            parts.host != nil
        else {
            throw .invalid("--from is not a URL; use one such as postgresql://user:password@db.example.net/shop")
        }
        let inQuery = parts.queryItems?.first { $0.name == "password" }?.value
        password = parts.password ?? inQuery
        parts.password = nil
        if inQuery != nil { parts.queryItems = parts.queryItems?.filter { $0.name != "password" } }
        guard let url = parts.string else { throw .invalid("--from is not a valid URL") }
        self.url = url
    }

    var environment: Environment {
        var added: [Environment.Key: String?] = ["PGCONNECT_TIMEOUT": "15"]
        if let password { added["PGPASSWORD"] = password }
        return .inherit.updating(added)
    }
}

/// `pg_dump` and the `psql` that belongs to it.
struct ImportTools: Sendable {
    let programs: String
    let major: Int

    /// Limit of a program's stored output, in bytes.
    private static let most = 64 * 1_024

    /// - Throws: ``BranchError/runtime(_:)`` if they are not installed.
    static func find(_ named: String?) async throws(BranchError) -> ImportTools {
        let all = try await PostgresInstallations.find(named).all()
        let complete = all.first { installation in
            ["pg_dump", "psql"].allSatisfy {
                FileManager.default.isExecutableFile(atPath: "\(installation.programs)/\($0)")
            }
        }
        guard let complete else {
            throw .runtime("pg_dump not found; install the PostgreSQL client (Debian: postgresql-client)")
        }
        return ImportTools(programs: complete.programs, major: complete.major)
    }

    /// Queries the server before anything is created.
    ///
    /// - Returns: its major version, and the size of the database in bytes.
    /// - Throws: ``BranchError/runtime(_:)`` with the server's message.
    func look(at source: ImportSource) async throws(BranchError) -> (major: Int, bytes: Int) {
        let question =
            "SELECT pg_catalog.current_setting('server_version_num')::int / 10000, "
            + "pg_catalog.pg_database_size(pg_catalog.current_database())"
        let result = try await run("psql", ["-XqAtw", "-c", question, source.url], source.environment)
        guard result.code == 0 else {
            throw .runtime("could not read the database to import: \(Self.last(result.errors))")
        }
        let numbers = result.output.trimmingCharacters(in: .whitespacesAndNewlines).split(separator: "|").map {
            Int($0)
        }
        guard numbers.count == 2, let major = numbers[0], let bytes = numbers[1] else {
            throw .runtime("the server to import from is not PostgreSQL")
        }
        return (major, bytes)
    }

    /// - Throws: ``BranchError/invalid(_:)`` if the new server would be older than the one to import from.
    func check(_ source: Int, against wanted: Int?) throws(BranchError) {
        if source > major {
            throw .invalid(
                "the server to import from is PostgreSQL \(source), but the newest on this host is \(major); "
                    + "install PostgreSQL \(source) first (Debian: postgresql-\(source))"
            )
        }
        if let wanted, wanted < source {
            throw .invalid("the server to import from is PostgreSQL \(source); --postgres-version \(wanted) is older")
        }
    }

    /// Copies all of a database into a branch, or nothing.
    ///
    /// - Throws: ``BranchError/runtime(_:)`` with the message of the program that failed first.
    func copy(_ source: ImportSource, to branch: BranchDetails) async throws(BranchError) {
        let target = ConnectionInfo(direct: branch)
        let (reading, writing): (FileDescriptor, FileDescriptor)
        do {
            (reading, writing) = try FileDescriptor.pipe()
        } catch {
            throw .runtime("could not create a pipe for pg_dump: \(error)")
        }
        let dump = [
            "--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "--no-password", source.url,
        ]
        // One transaction: the import is complete or empty.
        let load = [
            "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-o", "/dev/null", target.conninfo,
        ]
        let (programs, environment) = (programs, source.environment)
        do {
            async let dumped = Subprocess.run(
                .path(FilePath("\(programs)/pg_dump")),
                arguments: Arguments(dump),
                environment: environment,
                input: .none,
                output: .fileDescriptor(writing, closeAfterSpawningProcess: true),
                error: .string(limit: Self.most)
            )
            async let loaded = Subprocess.run(
                .path(FilePath("\(programs)/psql")),
                arguments: Arguments(load),
                environment: .inherit.updating([
                    "PGPASSWORD": target.password, "PGOPTIONS": "-c client_min_messages=warning",
                ]),
                input: .fileDescriptor(reading, closeAfterSpawningProcess: true),
                output: .discarded,
                error: .string(limit: Self.most)
            )
            let (dumping, loading) = (try await dumped, try await loaded)
            // When psql fails, pg_dump fails too; when pg_dump ends early, psql treats the partial dump as complete.
            guard loading.terminationStatus.isSuccess else {
                throw BranchError.runtime("the import failed: \(Self.last(loading.standardError))")
            }
            guard dumping.terminationStatus.isSuccess else {
                throw BranchError.runtime("could not read the database to import: \(Self.last(dumping.standardError))")
            }
        } catch let error as BranchError {
            throw error
        } catch {
            throw .runtime("could not run pg_dump and psql from \(programs): \(error)")
        }
    }

    private func run(
        _ program: String,
        _ arguments: [String],
        _ environment: Environment
    ) async throws(BranchError) -> (code: Int32, output: String, errors: String) {
        do {
            let result = try await Subprocess.run(
                .path(FilePath("\(programs)/\(program)")),
                arguments: Arguments(arguments),
                environment: environment,
                input: .none,
                output: .string(limit: Self.most),
                error: .string(limit: Self.most)
            )
            let code: Int32 = if case .exited(let code) = result.terminationStatus { code } else { -1 }
            return (code, result.standardOutput, result.standardError)
        } catch {
            throw .runtime("could not run \(programs)/\(program): \(error)")
        }
    }

    /// The last lines of a program's output, joined into one.
    private static func last(_ text: String) -> String {
        text.split(separator: "\n").suffix(3).joined(separator: "; ")
    }
}
