import Foundation
import TestSupport
import Testing

/// What the commands of `frost` do where things are not as they should be.
@Suite struct FrostCommandTests {
    @Test("A store that is gone is not made anew while there are branches")
    func lostStore() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let store = host.directory.file("data/frost.db")
            let routes = host.directory.file("data/routes.json")
            let before = try String(contentsOfFile: routes, encoding: .utf8)
            #expect(before.contains("main.pg.shop.localhost"))
            // Not while a command has it open: what is beside it is in it then.
            try await Command.check("mv", [store, store + ".kept"])
            for _ in 0..<2 {
                for command in [["project", "create", "other"], ["branch", "list"], ["recover"]] {
                    let refused = try await host.frost(command)
                    #expect(refused.exitCode == 74, "\(command): \(refused.output) \(refused.errors)")
                    #expect(refused.errors.contains("frost.db"), "\(command): \(refused.errors)")
                }
                #expect(try String(contentsOfFile: routes, encoding: .utf8) == before)
                // And one that a full disk has emptied.
                try host.directory.write("", to: "data/frost.db")
            }
            try await Command.check("mv", [store + ".kept", store])
            #expect(try await host.branches().map(\.name) == ["main"])
        }
    }

    @Test("Many copies of one branch at once wait for their turn")
    func manyCopies() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let names = (0..<8).map { "copy\($0)" }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names {
                    group.addTask { try await host.check("branch", "create", name, "--database", "shop") }
                }
                try await group.waitForAll()
            }
            let branches = try await host.branches()
            #expect(branches.map(\.name).sorted() == names + ["main"])
            for branch in branches { #expect(try await host.direct(branch, "SELECT branch FROM mark") == "main") }
        }
    }

    @Test("What cannot be printed is told, and a token that nobody has seen ends nothing")
    func fullOutput() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let hash = { try await host.database("SELECT value FROM setting WHERE key = 'accessTokenHash'") }
            try await host.check("token", "rotate")
            let before = try await hash()
            for command in [
                "token rotate", "branch list", "branch list --json", "branch url main --database shop", "settings",
            ] {
                let tried = try await Command.run(
                    "sh",
                    ["-c", "exec \(Checkout.program("frost")) \(command) > /dev/full"],
                    environment: host.environment
                )
                #expect(tried.exitCode == 74, "\(command): \(tried.errors)")
                #expect(tried.errors.contains("could not write the output"), "\(command): \(tried.errors)")
            }
            #expect(try await hash() == before)
        }
    }

    @Test(
        "Ctrl-C in a command: its copy is cancelled; a second one ends it at once; nothing is left either way",
        arguments: [1, 2]
    )
    func interrupted(signals: Int) async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let main = try await host.branch("main")
            let postmaster = try host.postmaster(main)
            try await Command.check("kill", ["-STOP", postmaster])
            let log = host.directory.file("create.log")
            let printed: @Sendable () -> String = { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
            try await Program.whileRunning(
                Checkout.program("frost"),
                ["branch", "create", "dev", "--database", "shop"],
                environment: host.environment,
                port: nil,
                log: log
            ) { pid in
                try await eventually("it copies") { try await host.branches().count == 2 }
                try await eventually("it says that it takes its time") {
                    printed().contains("copying main to dev")
                }
                for _ in 0..<signals { try await Command.check("kill", ["-INT", String(pid)]) }
                try await eventually("it says what it does") { printed().contains("cancelling the copy") }
                if signals == 2 { try await eventually("it ends") { printed().contains("ended at once") } }
                try await eventually("it ends", within: .seconds(120)) {
                    !FileManager.default.fileExists(atPath: "/proc/\(pid)/exe")
                }
            }
            try await Command.check("kill", ["-CONT", postmaster])
            if signals == 2 {
                try await host.check("recover")
            } else {
                #expect(printed().contains("nothing was left behind"))
            }
            #expect(try await host.branches().map(\.name) == ["main"])
        }
    }

    @Test("A second sync of one route map ends with 75, for a service manager to try again")
    func secondSync() async throws {
        try await FrostHost.run { host in
            let sync = [
                "sync", "--frost-db", host.directory.file("frost.db"), "--route-file", host.directory.file("sync.json"),
            ]
            try await Program.whileRunning(
                Checkout.program("frost"),
                sync,
                port: nil,
                log: host.directory.file("sync.log")
            ) { _ in
                // It has a fault of its own, and keeps the map all the same.
                try await eventually("it has begun") { host.log("sync.log").contains("does not exist") }
                for command in [sync, sync + ["--once"]] {
                    let second = try await host.frost(command)
                    #expect(second.exitCode == 75, "\(second.errors)")
                    #expect(
                        second.errors.contains("another frost sync writes \(host.directory.file("sync.json"))"),
                        "\(second.errors)"
                    )
                }
            }
        }
    }
}
