import Foundation
import GRDB
import TestSupport
import Testing

@testable import BranchManager

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A branch is nobody but itself: what a copy does not go on with, on real servers.
@Suite struct CopyCleanupTests {
    private func message(_ host: RuntimeHost, _ branch: BranchDetails, _ action: BranchAction) throws -> String? {
        try host.manager.store.read { db in
            try String.fetchOne(
                db,
                sql: "SELECT message FROM operation WHERE targetId = ? AND action = ? ORDER BY startedAt DESC",
                arguments: [branch.target.id, action.rawValue]
            )
        }
    }

    @Test("A subscriber is copied: its slot stays its own, no row is lost, and a tidy user of the copy drops nothing")
    func subscriber() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let publisher = try await host.manager.createDatabase("crm", in: main.project, runtime: .local)
            _ = try await host.query(publisher, "ALTER SYSTEM SET wal_level = logical")
            try await host.manager.deploy(publisher)
            _ = try await host.query(
                publisher,
                "CREATE TABLE event (id int PRIMARY KEY); CREATE PUBLICATION p FOR ALL TABLES"
            )
            _ = try await host.query(publisher, "INSERT INTO event SELECT generate_series(1, 100)")
            _ = try await host.query(main, "CREATE TABLE event (id int PRIMARY KEY)")
            _ = try await host.query(
                main,
                "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=\(publisher.target.hostPort) user=frost "
                    + "dbname=crm password=\(publisher.database.password)' PUBLICATION p"
            )
            let rows = "SELECT count(*) FROM event"
            try await eventually("main has the rows") { try await host.query(main, rows) == "100" }
            try await eventually("its tables are in step") {
                try await host.query(main, "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'") == "0"
            }

            let running = try await host.manager.createBranch("running", from: main)
            try await host.manager.stop(main)
            let stopped = try await host.manager.createBranch("stopped", from: main)
            _ = try await host.query(publisher, "INSERT INTO event SELECT generate_series(101, 120)")
            try await host.manager.reset(running, to: main)
            try await host.manager.start(main)
            try await eventually("main has all rows") { try await host.query(main, rows) == "120" }
            for copy in [running, stopped] {
                #expect(try await host.query(copy, rows) == "100")
                #expect(try await host.query(copy, "SELECT subenabled, subslotname FROM pg_subscription") == "f|")
                _ = try await host.query(copy, "DROP SUBSCRIPTION s")
            }
            #expect(try await host.query(publisher, "SELECT slot_name, active FROM pg_replication_slots") == "s|t")
            _ = try await host.query(publisher, "INSERT INTO event SELECT generate_series(121, 130)")
            try await eventually("main goes on") { try await host.query(main, rows) == "130" }
            #expect(try message(host, stopped, .create)?.contains("subscription s of shop disabled") == true)
            #expect(try message(host, running, .reset)?.contains("subscription s of shop disabled") == true)
        }
    }

    @Test("A subscriber whose first copying of a table is under way: the copy's DROP SUBSCRIPTION needs no publisher")
    func unfinishedTable() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "CREATE TABLE event (id int PRIMARY KEY)")
            _ = try await host.query(
                main,
                "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)"
            )
            // As it is while the table is copied: with a slot of its own at the publisher.
            _ = try await host.query(
                main,
                "INSERT INTO pg_subscription_rel SELECT oid, 'event'::regclass, 'd', '0/1' FROM pg_subscription"
            )
            let copy = try await host.manager.createBranch("copy", from: main)
            #expect(try await host.query(copy, "SELECT count(*) FROM pg_subscription_rel") == "0")
            _ = try await host.query(copy, "DROP SUBSCRIPTION s")
            #expect(try await host.query(main, "SELECT count(*) FROM pg_subscription_rel") == "1")
        }
    }

    @Test("Libraries that may have workers of their own are named; those that have none are not")
    func libraries() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            // Any library can be loaded at the start; nothing but its name is looked at.
            _ = try await host.query(
                main,
                "ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements, pg_buffercache, '$libdir/pgrowlocks'"
            )
            try await host.manager.deploy(main)
            let copy = try await host.manager.createBranch("copy", from: main)
            let text = try #require(try message(host, copy, .create))
            #expect(
                text.hasSuffix("background workers of these libraries: pg_buffercache, $libdir/pgrowlocks"),
                "\(text)"
            )
        }
    }

    @Test("An archiving server is copied: its archive stays its own, and the copy's user may begin one of its own")
    func archiving() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            let archive = host.directory.file("branches/\(main.target.id)/archive")
            let place = "mkdir -p \(archive) && cp %p \(archive)/%f"
            _ = try await host.query(main, "ALTER SYSTEM SET archive_mode = on")
            _ = try await host.query(main, "ALTER SYSTEM SET archive_command = '\(place)'")
            try await host.manager.deploy(main)
            let archived = "SELECT archived_count FROM pg_stat_archiver"
            let next = "SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(true, 'a', 'b')) AS written"
            _ = try await host.query(main, next)
            try await eventually("main archives") { try await host.query(main, archived) != "0" }
            // Switched off for the stopped copy, with log that is still to be archived.
            let running = try await host.manager.createBranch("running", from: main)
            _ = try await host.query(main, "ALTER SYSTEM SET archive_command = 'false'")
            _ = try await host.query(main, "SELECT pg_reload_conf()")
            _ = try await host.query(main, next)
            try await host.manager.stop(main)
            let sums = "cd \(archive) && sha256sum *"
            let before = try await Command.check("sh", ["-c", sums])
            let stopped = try await host.manager.createBranch("stopped", from: main)
            for copy in [running, stopped] {
                #expect(try await host.query(copy, "SHOW archive_mode") == "off")
                #expect(
                    try await host.query(copy, "SELECT reset_val FROM pg_settings WHERE name = 'archive_command'") == ""
                )
                // What is counted goes along with the files of a stopped source.
                let counted = try await host.query(copy, archived)
                for _ in 0..<3 { _ = try await host.query(copy, next) }
                #expect(try await host.query(copy, archived) == counted)
                #expect(try message(host, copy, .create)?.contains("archive_mode reset") == true)
            }
            let ready = host.directory.file("branches/\(stopped.target.id)/data/pg_wal/archive_status")
            #expect(try FileManager.default.contentsOfDirectory(atPath: ready).allSatisfy { !$0.hasSuffix(".ready") })
            #expect(try await Command.check("sh", ["-c", sums]) == before)
            // Not pinned: turned on again, it archives where it is told to.
            let own = host.directory.file("branches/\(stopped.target.id)/archive")
            _ = try await host.query(stopped, "ALTER SYSTEM SET archive_mode = on")
            _ = try await host.query(
                stopped,
                "ALTER SYSTEM SET archive_command = 'mkdir -p \(own) && cp %p \(own)/%f'"
            )
            try await host.manager.deploy(stopped)
            let counted = try await host.query(stopped, archived)
            _ = try await host.query(stopped, next)
            try await eventually("the copy archives") { try await host.query(stopped, archived) != counted }
            #expect(try !FileManager.default.contentsOfDirectory(atPath: own).isEmpty)
            #expect(try await Command.check("sh", ["-c", sums]) == before)
        }
    }

    @Test(
        "Standbys waited for, slots, prepared transactions, jobs and subscriptions of all databases, by create and reset",
        arguments: RuntimeKind.allCases,
        [true, false]
    )
    func errands(kind: RuntimeKind, isRunning: Bool) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            _ = try await host.query(main, "ALTER SYSTEM SET max_prepared_transactions = 5")
            _ = try await host.query(main, "ALTER SYSTEM SET primary_conninfo = 'host=somewhere password=secret'")
            _ = try await host.query(main, "ALTER SYSTEM SET archive_mode = on")
            try await host.manager.deploy(main)
            // A database that nobody may connect to, and one whose settings are in the way.
            _ = try await host.query(main, "CREATE DATABASE \"it's closed\"")
            _ = try await host.query(main, "CREATE TABLE mark AS SELECT 'main' AS branch")
            for database in ["shop", "it's closed"] {
                var elsewhere = main
                elsewhere.database.databaseName = database == "shop" ? database : "it\\'s\\ closed"
                for command in [
                    "CREATE SCHEMA cron; CREATE TABLE cron.job (jobid bigint, command text, active bool); "
                        + "INSERT INTO cron.job VALUES (7, 'SELECT 1', true), (8, 'SELECT 1', false)",
                    // A trigger as pg_cron has one, which must not run.
                    "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS "
                        + "'BEGIN RAISE EXCEPTION ''no''; END'; CREATE TRIGGER fails BEFORE UPDATE ON cron.job "
                        + "EXECUTE FUNCTION fails()",
                    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false)",
                    "ALTER SUBSCRIPTION s ENABLE",
                ] { _ = try await host.query(elsewhere, command) }
                _ = try await host.query(
                    elsewhere,
                    "BEGIN; LOCK pg_subscription IN ACCESS SHARE MODE; CREATE TABLE half (a int); "
                        + "PREPARE TRANSACTION 'it''s half done in \(database.prefix(4).replacing("'", with: "''"))'"
                )
            }
            _ = try await host.query(main, "ALTER DATABASE \"it's closed\" SET default_transaction_read_only = on")
            _ = try await host.query(main, "ALTER DATABASE \"it's closed\" ALLOW_CONNECTIONS false")
            _ = try await host.query(main, "SELECT pg_create_physical_replication_slot('standby', true)")
            let dev = try await host.manager.createBranch("dev", from: main)
            // From here on no commit of the source comes back.
            _ = try await host.query(main, "ALTER SYSTEM SET synchronous_standby_names = 'somebody'")
            _ = try await host.query(main, "SELECT pg_reload_conf()")
            if !isRunning { try await host.manager.stop(main) }

            let copy = try await host.manager.createBranch("copy", from: main)
            try await host.manager.reset(dev, to: main)
            for branch in [copy, dev] {
                _ = try await host.query(branch, "CREATE TABLE committed (a int)")
                #expect(try await host.query(branch, "SELECT branch FROM mark") == "main")
                #expect(try await host.query(branch, "SHOW synchronous_standby_names") == "")
                #expect(try await host.query(branch, "SHOW primary_conninfo") == "")
                #expect(try await host.query(branch, "SHOW archive_mode") == "off")
                #expect(try await host.query(branch, "SELECT count(*) FROM pg_replication_slots") == "0")
                #expect(try await host.query(branch, "SELECT count(*) FROM pg_prepared_xacts") == "0")
                #expect(
                    try await host.query(
                        branch,
                        "SELECT count(*), bool_or(subenabled), max(subslotname) FROM pg_subscription"
                    ) == "2|f|"
                )
                _ = try await host.query(branch, "ALTER DATABASE \"it's closed\" ALLOW_CONNECTIONS true")
                var closed = branch
                closed.database.databaseName = "it\\'s\\ closed"
                for database in [branch, closed] {
                    #expect(
                        try await host.query(database, "SELECT jobid, active FROM cron.job ORDER BY 1") == "7|f\n8|f"
                    )
                }
                let said = try message(host, branch, branch.target.id == dev.target.id ? .reset : .create) ?? ""
                for part in [
                    "synchronous_standby_names reset", "primary_conninfo reset", "pg_cron job 7 of shop inactive",
                    "pg_cron job 7 of it's closed inactive", "subscription s of it's closed disabled",
                    "prepared transaction 'it's half done in shop' of shop rolled back",
                ] { #expect(said.contains(part), "\(part): \(said)") }
                if !isRunning { #expect(said.contains("replication slot standby"), "\(said)") }
                #expect(!said.contains("job 8") && !said.contains("secret"), "\(said)")
            }
            // The source has all of its own.
            if !isRunning { try await host.manager.start(main) }
            #expect(try await host.query(main, "SELECT count(*) FROM pg_prepared_xacts") == "2")
            #expect(try await host.query(main, "SELECT count(*) FROM pg_replication_slots") == "1")
            #expect(try await host.query(main, "SELECT bool_and(subenabled) FROM pg_subscription") == "t")
            #expect(try await host.query(main, "SELECT active FROM cron.job WHERE jobid = 7") == "t")
        }
    }

    @Test("Settings that name the source's own data directory, and what links share with it")
    func sourceFiles() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            try await host.manager.stop(main)
            let data = host.directory.file("branches/\(main.target.id)/data")
            try await Command.check("sh", ["-c", "echo \"data_directory = '\(data)'\" >> \(data)/postgresql.conf"])
            let copy = try await host.manager.createBranch("copy", from: main)
            #expect(try await host.query(copy, "SHOW data_directory").contains(copy.target.id))
            #expect(try message(host, copy, .create)?.contains("data_directory") == true)
            try await host.manager.start(main)
            _ = try await host.query(copy, "CREATE TABLE own (a int)")
            #expect(try await host.query(main, "SELECT to_regclass('own')") == "")

            // Log of its own outside of the data directory, as initdb -X makes it: two servers would write it.
            try await host.manager.stop(main)
            let log = host.directory.file("branches/\(main.target.id)/wal")
            try await Command.check("sh", ["-c", "mv \(data)/pg_wal \(log) && ln -s \(log) \(data)/pg_wal"])
            let refused = await #expect(throws: BranchError.self) {
                try await host.manager.createBranch("linked", from: main)
            }
            #expect(refused?.description.contains("./pg_wal") == true, "\(refused?.description ?? "")")
            try await host.manager.start(main)
            let linked = try await host.manager.createBranch("linked", from: main)
            _ = try await host.query(linked, "CREATE TABLE own (a int)")
            #expect(try await host.query(main, "SELECT to_regclass('own')") == "")
        }
    }

    @Test("Tablespaces would be shared with the source, or lost: a copy is refused", arguments: RuntimeKind.allCases)
    func tablespaces(kind: RuntimeKind) async throws {
        try await RuntimeHost.run(kind) { host in
            let main = try await host.makeDatabase()
            let place = kind == .local ? host.directory.file("branches/\(main.target.id)/space") : "/tmp/space"
            _ = try await host.query(main, "COPY (SELECT 1) TO PROGRAM 'mkdir \(place)'")
            _ = try await host.query(main, "CREATE TABLESPACE outside LOCATION '\(place)'")
            let running = await #expect(throws: BranchError.self) {
                try await host.manager.createBranch("copy", from: main)
            }
            #expect(running?.description.contains("tablespaces") == true, "\(running?.description ?? "")")
            try await host.manager.stop(main)
            let stopped = await #expect(throws: BranchError.self) {
                try await host.manager.createBranch("copy", from: main)
            }
            #expect(
                stopped?.description.contains(/tablespaces|pg_tblspc/) == true,
                "\(stopped?.description ?? "")"
            )
        }
    }
}
