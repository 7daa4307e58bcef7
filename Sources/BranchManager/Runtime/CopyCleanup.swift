import Foundation

/// Prepares a copy before clients can connect: it has its source's data, but must not continue its source's background
/// work.
///
/// Two servers that consume one publisher's slot lose rows; two that archive under the same names overwrite each
/// other's log; one that waits for its source's standby never commits. All this is disabled in the copy's own files and
/// catalogs, once: its user may enable it again.
///
/// Works through PostgreSQL's single-user mode: nobody can connect, no background worker runs, no event trigger fires,
/// and neither password nor role matters. pg_rewind recovers a copy the same way.
struct CopyCleanup: Sendable {
    /// Runs a shell script with arguments `$1`, `$2`, …, as the account of the copy, where its data is.
    ///
    /// Returns the script's output, which may include error messages.
    typealias Shell = @Sendable (_ script: String, _ arguments: [String]) async throws(BranchError) -> String

    /// The copy's data directory, as the script sees it.
    private let data: String
    /// The copy's own directory, into which links may point.
    private let ownPlace: String
    /// The program `postgres` of the copy's version.
    private let postgres: String
    private let shell: Shell

    init(data: String, ownPlace: String, postgres: String, shell: @escaping Shell) {
        self.data = data
        self.ownPlace = ownPlace
        self.postgres = postgres
        self.shell = shell
    }

    /// - Parameter database: one that the cluster should have, for clusters without the usual ones.
    /// - Returns: what was disabled, one phrase each.
    /// - Throws: ``BranchError/runtime(_:)``; then the copy must not be used.
    func run(database: String) async throws(BranchError) -> [String] {
        var turnedOff = try await putFilesRight()
        let (first, cluster) = try await look(in: ["template1", "postgres", database])
        for name in cluster.databases {
            let transactions = cluster.prepared.filter { $0.database == name }
            turnedOff += transactions.map { "prepared transaction '\($0.name)' of \(name) rolled back" }
            let found: Found = try await report(
                transactions.map { "ROLLBACK PREPARED \(Self.literal($0.name))" } + [Self.forgetUnfinishedTables],
                Self.jobsQuery,
                in: name
            )
            guard found.hasJobs else { continue }
            let jobs: [Int] = try await report([], Self.activeJobsQuery, then: [Self.stopJobs], in: name)
            turnedOff += jobs.map { "pg_cron job \($0) of \(name) inactive" }
        }
        if !cluster.subscriptions.isEmpty {
            let _: Int = try await report([Self.disableSubscriptions], "1", in: first)
            turnedOff += cluster.subscriptions.map {
                "subscription \($0.name) of \($0.database) disabled and disassociated from its slot"
            }
        }
        return turnedOff
    }

    // MARK: Files and settings

    /// Settings by which a server works or waits for others, with their defaults.
    private static let errands = [
        "archive_mode": "off", "archive_command": "", "archive_library": "", "synchronous_standby_names": "",
        "synchronized_standby_slots": "", "sync_replication_slots": "off", "primary_conninfo": "",
        "primary_slot_name": "", "restore_command": "", "archive_cleanup_command": "", "recovery_end_command": "",
        "external_pid_file": "",
    ]

    private static let mark = "frost-off: "

    /// Libraries of shared_preload_libraries without background work, and pg_cron, whose jobs are disabled in its
    /// table.
    private static let withoutWorkers = [
        "pg_cron", "pg_stat_statements", "auto_explain", "auth_delay", "passwordcheck", "sepgsql", "pgaudit",
        "pg_prewarm", "pg_hint_plan", "plpgsql", "pg_trgm", "pgcrypto",
    ]

    private func putFilesRight() async throws(BranchError) -> [String] {
        let errands = Self.errands.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let printed = try await shell(Self.fileScript, [data, postgres, ownPlace] + errands)
        return printed.split(separator: "\n").filter { $0.hasPrefix(Self.mark) }.map {
            String($0.dropFirst(Self.mark.count))
        }
    }

    /// `$1` is the data directory, `$2` the program, `$3` the copy's own directory; the rest are settings with their
    /// defaults.
    private static let fileScript = """
        set -eu
        data=$1 postgres=$2 place=$3
        shift 3
        cd "$data"
        rm -f postmaster.pid postmaster.opts
        off() { echo "\(mark)$1"; }

        # The copy would share a link's target with its source, which is fine for configuration files and certificates.
        find . -type l | while read -r link; do
            case $(readlink -f "$link") in "$place"/*) continue ;; esac
            case $link in ./*/*) ;; *) if [ -f "$link" ]; then continue; fi ;; esac
            echo "the copy would share the target of the link $link with its source; replace the link with its target" >&2
            exit 1
        done

        for name in standby.signal recovery.signal; do
            if [ -e "$name" ] || [ -L "$name" ]; then rm -f "$name"; off "$name removed"; fi
        done
        for slot in pg_replslot/*; do
            if [ -d "$slot" ]; then rm -rf "$slot"; off "replication slot ${slot##*/} not copied"; fi
        done
        # Of log that the source is to archive.
        rm -f pg_wal/archive_status/*.ready

        setting() { "$postgres" -D "$data" -C "$1"; }
        # In front of what the command line says, it would have the copy run on another's files.
        if [ "$(setting data_directory)" != "$data" ]; then
            for file in postgresql.conf postgresql.auto.conf; do
                if [ -f "$file" ]; then sed -i -E 's/^[[:space:]]*data_directory/#&/I' "$file"; fi
            done
            if [ "$(setting data_directory)" != "$data" ]; then
                echo "the copy's settings name another data_directory; remove it from the files that postgresql.conf includes" >&2
                exit 1
            fi
            off "data_directory no longer set"
        fi
        reset() {
            if [ -f postgresql.auto.conf ]; then
                sed -E "/^[[:space:]]*$1([[:space:]=]|\\$)/d" postgresql.auto.conf >postgresql.auto.new
            else
                : >postgresql.auto.new
            fi
            printf "%s = '%s'\\n" "$1" "$2" >>postgresql.auto.new
            chmod 600 postgresql.auto.new
            mv -f postgresql.auto.new postgresql.auto.conf
        }
        for errand in "$@"; do
            name=${errand%%=*}
            # Not every version has every setting.
            value=$(setting "$name" 2>/dev/null) || continue
            if [ "$value" != "${errand#*=}" ]; then
                reset "$name" "${errand#*=}"
                off "$name reset"
            fi
        done
        # Libraries known to have no background workers.
        libraries=
        for library in $(setting shared_preload_libraries 2>/dev/null | tr -d '" ' | tr , ' '); do
            case ${library##*/} in
            \(withoutWorkers.joined(separator: "|"))) ;;
            *) libraries="$libraries${libraries:+, }$library" ;;
            esac
        done
        [ -z "$libraries" ] || off "background workers of these libraries: $libraries"
        # Two servers would write one file.
        case $(setting log_directory) in /*) reset log_directory log; off "log_directory reset" ;; esac
        """

    // MARK: Catalogs

    private struct Named: Decodable, Sendable {
        var name: String
        var database: String
    }

    private struct Cluster: Decodable, Sendable {
        var databases: [String]
        var prepared: [Named]
        var subscriptions: [Named]
    }

    private struct Found: Decodable, Sendable {
        var hasJobs: Bool
    }

    /// Skips databases that a crash left half dropped (datconnlimit -2).
    private static let clusterQuery =
        "json_build_object('databases', (SELECT json_agg(datname) FROM pg_database WHERE datconnlimit <> -2), "
        + "'prepared', (SELECT coalesce(json_agg(json_build_object('name', gid, 'database', database)), '[]') "
        + "FROM pg_prepared_xacts), 'subscriptions', (SELECT coalesce(json_agg(json_build_object('name', subname, "
        + "'database', datname)), '[]') FROM pg_subscription JOIN pg_database ON pg_database.oid = subdbid "
        + "WHERE subenabled OR subslotname IS NOT NULL))"

    /// Like ALTER SUBSCRIPTION … DISABLE and SET (slot_name = NONE), for all databases.
    private static let disableSubscriptions =
        "UPDATE pg_subscription SET subenabled = false, subslotname = NULL WHERE subenabled OR subslotname IS NOT NULL"

    /// Tables whose initial copy is running in the source have their own slots there, which DROP SUBSCRIPTION would
    /// drop. ALTER SUBSCRIPTION … REFRESH PUBLICATION starts their copy again.
    private static let forgetUnfinishedTables = "DELETE FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's')"

    /// Recognised by its columns, regardless of the extension's version.
    private static let jobsQuery =
        "json_build_object('hasJobs', (SELECT count(*) = 3 FROM pg_attribute WHERE attrelid = to_regclass('cron.job') "
        + "AND attname IN ('jobid', 'command', 'active') AND NOT attisdropped))"
    private static let activeJobsQuery =
        "(SELECT coalesce(json_agg(jobid ORDER BY jobid), '[]') FROM cron.job WHERE active)"
    private static let stopJobs = "UPDATE cron.job SET active = false WHERE active"

    /// Overrides settings of databases and roles that would prevent changes of the catalogs, or run triggers.
    private static let sessionSettings = [
        "SET search_path = pg_catalog", "SET session_replication_role = replica",
        "SET default_transaction_read_only = off", "SET statement_timeout = 0", "SET lock_timeout = 0",
    ]

    /// The cluster's contents, and the database used for the query. One of the usual ones may be missing.
    private func look(in databases: [String]) async throws(BranchError) -> (String, Cluster) {
        var fault = BranchError.runtime("the copy has no databases")
        for database in databases {
            do throws(BranchError) {
                return (database, try await report([], Self.clusterQuery, in: database))
            } catch {
                fault = error
            }
        }
        throw fault
    }

    /// Runs commands in single-user mode.
    ///
    /// - Parameters:
    ///   - commands: each of one line.
    ///   - query: an expression of type json.
    ///   - last: commands after the query.
    /// - Returns: the result of `query`.
    private func report<Value: Decodable>(
        _ commands: [String],
        _ query: String,
        then last: [String] = [],
        in database: String
    ) async throws(BranchError) -> Value {
        // In hexadecimal: single-user mode does not escape its output.
        let line = "SELECT encode(textsend((\(query))::text), 'hex') AS report"
        let lines = Self.sessionSettings + commands + [line] + last
        let printed = try await shell(
            Self.singleUserScript,
            [data, postgres, database, lines.map { $0 + ";\n" }.joined()]
        )
        guard let digits = printed.firstMatch(of: /report = "([0-9a-f]*)"/)?.1,
            let value = try? JSONDecoder().decode(Value.self, from: Self.bytes(digits))
        else {
            let end = printed.split(separator: "\n").suffix(4).joined(separator: "; ")
            throw .runtime("could not read the copy's contents in single-user mode: \(end)")
        }
        return value
    }

    /// Without fsync(2), since the whole copy is flushed once afterwards.
    private static let singleUserScript = """
        set -eu
        printf '%s' "$4" | "$2" --single -F -D "$1" -c exit_on_error=on -c archive_mode=off -c log_min_messages=fatal \\
            -c log_destination=stderr -- "$3"
        """

    private static func bytes(_ digits: Substring) -> Data {
        let digits = Array(digits.utf8)
        return Data(
            stride(from: 0, to: digits.count - 1, by: 2).compactMap { place in
                UInt8(String(decoding: digits[place...(place + 1)], as: UTF8.self), radix: 16)
            }
        )
    }

    /// On one line: single-user mode reads every line as a command.
    private static func literal(_ text: String) -> String {
        let escaped = text.replacing("\\", with: "\\\\").replacing("'", with: "''").replacing("\n", with: "\\n")
        return "E'\(escaped)'"
    }
}
