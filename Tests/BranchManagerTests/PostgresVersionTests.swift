import BranchManager
import Foundation
import TestSupport
import Testing

/// Major versions of PostgreSQL side by side on one host.
@Suite struct PostgresVersionTests {
    /// A directory as packages lay it out, whose programs only say their version.
    private static func makeBase(_ majors: [Int], in directory: TemporaryDirectory) throws -> String {
        let base = try directory.directory("base")
        for major in majors {
            let programs = base.file("\(major)/bin")
            try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
            let script = "#!/bin/sh\necho 'initdb (PostgreSQL) \(major).3 (Debian \(major).3-1)'\n"
            #expect(
                FileManager.default.createFile(
                    atPath: "\(programs)/initdb",
                    contents: Data(script.utf8),
                    attributes: [.posixPermissions: 0o755]
                )
            )
        }
        return base.path
    }

    @Test("The newest for a new database unless one is asked for or named; what is missing says what to install")
    func choice() async throws {
        let directory = try TemporaryDirectory("versions")
        defer { directory.remove() }
        let base = try Self.makeBase([9, 15, 16], in: directory)
        let packaged = try await PostgresInstallations.find(base: base)
        #expect(packaged.all().map(\.major) == [16, 15, 9])
        #expect(try packaged.forNewDatabase(nil).programs == "\(base)/16/bin")
        #expect(try packaged.forNewDatabase(15).programs == "\(base)/15/bin")
        let named = try await PostgresInstallations.find("\(base)/15/bin", base: base)
        #expect(try named.forNewDatabase(nil).major == 15, "an operator's choice goes before the newest")
        #expect(try named.running(data: 16).programs == "\(base)/16/bin", "and takes no branch its own version")
        let missing = #expect(throws: BranchError.self) { try packaged.forNewDatabase(17) }
        #expect(missing?.description.contains("install postgresql-17") == true)
        let gone = #expect(throws: BranchError.self) { try packaged.running(data: 14) }
        #expect(gone?.description.contains("install postgresql-14") == true)
        await #expect(throws: BranchError.self) { try await PostgresInstallations.find("/nonexistent", base: base) }
        try FileManager.default.removeItem(atPath: "\(base)/16/bin/initdb")
        #expect(try packaged.forNewDatabase(nil).major == 15, "what is installed or removed meanwhile counts at once")
    }

    @Test("Branches of 15, 16 and 18 start, deploy, are copied in use and stopped, and reset, each by its own programs")
    func sideBySide() async throws {
        let directory = try TemporaryDirectory("versions")
        defer { directory.remove() }
        let debian = try await PostgresInstallations.find().forNewDatabase(nil).major
        let base = try PostgresWheel.install([16, 18], in: directory)
        try await RuntimeHost.run(
            .local,
            local: { try await LocalRuntime(directory: $0, installations: PostgresInstallations.find(base: base)) }
        ) { host in
            let project = try host.manager.createProject("shop")
            let newest = try await host.manager.createDatabase("newest", in: project)
            #expect(newest.target.postgresVersion == 18)
            for major in [debian, 16] {
                let main = try await host.manager.createDatabase("v\(major)", in: project, postgresVersion: major)
                #expect(try await host.query(main, "SHOW server_version").hasPrefix("\(major)."))
                #expect(main.target.postgresVersion == major)
                let dev = try await host.manager.createBranch("dev", from: main)
                #expect(dev.target.postgresVersion == major)
                try await host.manager.stop(main)
                let copy = try await host.manager.createBranch("copy", from: main)
                try await host.manager.start(main)
                try await host.manager.deploy(main)
                try await host.manager.reset(dev, to: copy)
                for branch in [main, dev, copy] {
                    #expect(try await host.query(branch, "SHOW server_version").hasPrefix("\(major)."))
                }
                // The branch's own rules are in force, whether the version can include a file or not.
                try await Self.addRule("host all stranger 127.0.0.1/32 trust", to: main, host)
                _ = try await host.query(main, "CREATE ROLE stranger LOGIN")
                try await host.manager.deploy(main)
                var stranger = main
                stranger.database.username = "stranger"
                stranger.database.password = "none"
                #expect(try await host.query(stranger, "SELECT 1") == "1")
            }
            // What is removed from the host is told, and the branch is none the worse.
            let name = try host.manager.store.database("v16")
            let main16 = try host.manager.store.branch("main", in: name)
            try await host.manager.stop(main16)
            try FileManager.default.moveItem(atPath: "\(base)/16", toPath: "\(base)/away")
            let error = await #expect(throws: BranchError.self) { try await host.manager.start(main16) }
            #expect(error?.description.contains("install postgresql-16") == true, "\(error?.description ?? "")")
            try FileManager.default.moveItem(atPath: "\(base)/away", toPath: "\(base)/16")
            try await host.manager.start(main16)
            #expect(try await host.query(main16, "SELECT 1") == "1")
            let missing = await #expect(throws: BranchError.self) {
                try await host.manager.createDatabase("old", in: project, postgresVersion: 14)
            }
            #expect(missing?.description.contains("install postgresql-14") == true)
            #expect(throws: BranchError.self, "nothing was registered") { try host.manager.store.database("old") }
        }
    }

    private static func addRule(_ rule: String, to branch: BranchDetails, _ host: RuntimeHost) async throws {
        let file = host.directory.file("branches/\(branch.target.id)/data/pg_hba.conf")
        try await Command.check(
            "sh",
            ["-c", "printf '%s\\n' \"$1\" | cat - \"$2\" >\"$2.new\" && cat \"$2.new\" >\"$2\"", "sh", rule, file]
        )
    }

    @Test("New clusters fold and compare letters of Unicode, and sort by bytes")
    func letters() async throws {
        try await RuntimeHost.run(.local) { host in
            let main = try await host.makeDatabase()
            #expect(
                try await host.query(
                    main,
                    "SELECT upper('straße é ж'), 'Ж' ILIKE 'ж', initcap('élan vital'), 'École' ~* 'école', lower('ÄÖÜ')"
                ) == "STRAßE É Ж|t|Élan Vital|t|äöü"
            )
            #expect(
                try await host.query(main, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,A,a,B}'::text[]) x")
                    == "ABab"
            )
            #expect(
                try await host.query(
                    main,
                    "SELECT datcollate, datctype, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'shop'"
                ) == "C|C.UTF-8|UTF8"
            )
        }
    }
}
