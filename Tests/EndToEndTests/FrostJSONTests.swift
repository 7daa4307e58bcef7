import Foundation
import TestSupport
import Testing

/// What commands print for programs.
@Suite struct FrostJSONTests {
    @Test("Words that are nearly right are told what was meant, and usage errors are JSON where that is asked for")
    func nearly() async throws {
        let cases = [
            (["brnch", "list"], "frost branch"), (["branch", "lsit"], "frost branch list"),
            (["psqll"], "frost psql"), (["sttaus"], "frost status"), (["database", "creat"], "frost database create"),
        ]
        for (words, meant) in cases {
            let result = try await Command.run(Checkout.program("frost"), words)
            #expect(result.exitCode == 64 && result.errors.contains("Did you mean '\(meant)'?"), "\(result.errors)")
            let json = try await Command.run(Checkout.program("frost"), words + ["--json"])
            let fault = try Self.fault(json.errors)
            #expect(json.exitCode == 64 && fault["code"] as? String == "usage", "\(json.errors)")
            #expect((fault["hint"] as? String)?.contains(meant) == true)
        }
        let far = try await Command.run(Checkout.program("frost"), ["xyzzy"])
        #expect(far.exitCode == 64 && !far.errors.contains("Did you mean"), "\(far.errors)")
        for words in [["version"], ["--version"]] {
            #expect(try await Command.run(Checkout.program("frost"), words).output.hasPrefix("frost "))
        }
    }

    private static func fault(_ text: String) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let fault = try #require(object?["error"] as? [String: Any])
        #expect(Set(fault.keys) == ["code", "message", "hint"])
        return fault
    }

    @Test("With --json everything is JSON: answers have all their keys, null where there is nothing, and errors too")
    func json() async throws {
        try await FrostHost.run { host in
            let branch: Set<String> = [
                "id", "project", "database", "databaseId", "name", "sourceTargetId", "status", "reason", "hostname",
                "aliases", "hostPort", "createdAt", "postgresVersion", "passwordState", "externalWarning", "warning",
                "ttl", "lastUsedAt", "expiresAt", "deletesAt",
            ]
            func keys(_ arguments: [String]) async throws -> Set<String> {
                let output = try await Command.check(
                    Checkout.program("frost"),
                    arguments + ["--json"],
                    environment: host.environment
                )
                let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
                let object = (value as? [[String: Any]])?.first ?? value as? [String: Any]
                return Set(try #require(object, "\(arguments): \(output)").keys)
            }
            #expect(try await keys(["project", "create", "shop"]) == ["id", "name", "createdAt"])
            let settings: Set<String> = [
                "wildcardBase", "gatewayEnabled", "gatewayPort", "gatewayFault", "routeFile", "postgresImage",
                "containerMemory", "containerNanoCPUs",
            ]
            #expect(try await keys(["settings"]) == settings)
            #expect(try await keys(["database", "create", "shop", "--project", "shop"]) == branch)
            for arguments in [
                ["branch", "create", "dev"], ["branch", "list"], ["ls"], ["branch", "stop", "dev"], ["start", "dev"],
                ["branch", "deploy", "dev"], ["branch", "reset", "dev"], ["branch", "rename", "dev", "neu"],
                ["branch", "ttl", "neu", "7d"], ["branch", "ttl", "neu"],
            ] {
                #expect(try await keys(arguments) == branch, "\(arguments)")
            }
            #expect(
                try await keys(["branch", "show", "neu"])
                    == ["branch", "source", "sizeBytes", "serverVersion", "sessions"]
            )
            try await host.check("settings", "--wildcard-base", "localhost")
            #expect(
                try await keys(["branch", "url", "neu"]) == [
                    "url", "text", "host", "port", "username", "password", "databaseName", "sslmode", "sslrootcert",
                    "externalWarning", "warning",
                ]
            )
            let operation: Set<String> = [
                "id", "targetId", "targetName", "action", "status", "step", "message", "startedAt", "finishedAt",
                "actor", "progress", "cancelRequested",
            ]
            #expect(try await keys(["branch", "history", "neu"]) == operation)
            #expect(try await keys(["branch", "logs", "neu"]) == ["lines"])
            #expect(try await keys(["database", "list"]) == ["id", "name", "project", "branches"])
            #expect(try await keys(["database", "password", "shop"]) == ["username", "password", "branches"])
            // Commands that take several branches print a list, of one as well, by both names.
            for arguments in [
                ["start", "neu"], ["branch", "start", "neu"], ["stop", "neu"], ["branch", "stop", "neu"],
            ] {
                let output = try await host.frost(arguments + ["--json"]).output
                let list = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [[String: Any]]
                #expect(list?.compactMap { $0["name"] as? String } == ["neu"], "\(arguments): \(output)")
            }
            #expect(try await keys(["token", "rotate"]) == ["token"])
            #expect(try await keys(["branch", "delete", "neu"]) == branch)
            for (arguments, code, exitCode) in [
                (["branch", "show", "none"], "not_found", 66), (["branch", "create", "No Name"], "invalid", 64),
                (["branch", "delete", "main"], "not_allowed", 77),
                (["branch", "ttl", "main", "7d"], "not_allowed", 77),
                (["branch", "create", "new", "--ttl", "5m"], "invalid", 64),
                (["project", "create", "shop"], "exists", 73),
                (["branch", "list", "--data-dir", "/nowhere"], "store", 74),
            ] as [([String], String, Int32)] {
                let result = try await host.frost(arguments + ["--json"])
                #expect(result.exitCode == exitCode && result.output.isEmpty, "\(arguments): \(result.output)")
                #expect(try Self.fault(result.errors)["code"] as? String == code, "\(result.errors)")
            }
        }
    }
}
