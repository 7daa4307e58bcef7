import Foundation
import TestSupport
import Testing

/// What commands say of a gateway that does not serve: a line on standard error, and the string as ever.
@Suite struct GatewayWarningTests {
    private static let variable = "FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS"

    private struct Shown: Decodable {
        var externalWarning: String?
        var warning: String?
    }

    @Test("A gateway that is a service: nothing listens, or what listens does not answer")
    func service() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let url = ["branch", "url", "main", "--database", "shop"]
            let string = try await host.check("branch", "url", "main", "--database", "shop")
            let silent = try RawListener()
            let refused = try await PostgresServer.freePort()
            let cases = [
                (refused, "does not answer at 127.0.0.1:\(refused); start it: systemctl start postgres-gateway"),
                (
                    silent.port,
                    "accepts connections at 127.0.0.1:\(silent.port) but does not answer; restart it: "
                        + "systemctl restart postgres-gateway"
                ),
            ]
            for (port, words) in cases {
                let environment = [Self.variable: "127.0.0.1:\(port)"]
                let warning = "the gateway \(words)"
                let plain = try await host.frost(url, environment: environment)
                #expect(plain.exitCode == 0 && plain.output == string, "\(plain.output)")
                #expect(plain.errors == "frost: warning: \(warning)\n", "\(plain.errors)")
                let json = try await host.frost(url + ["--json"], environment: environment)
                let shown = try JSONDecoder().decode(Shown.self, from: Data(json.output.utf8))
                #expect(shown.externalWarning == "gateway_unreachable" && shown.warning == warning)
                for action in ["deploy", "stop", "start"] {
                    let done = try await host.frost(
                        ["branch", action, "main", "--database", "shop"],
                        environment: environment
                    )
                    #expect(done.exitCode == 0, "\(done.errors)")
                    // A branch that is stopped has no string to warn of.
                    #expect(done.errors.contains(warning) == (action != "stop"), "\(action): \(done.errors)")
                }
            }
            withExtendedLifetime(silent) {}
            // One that is wanted by nobody is missed by nobody.
            try await host.check("settings", "--gateway-enabled", "false")
            let off = try await host.frost(
                ["branch", "deploy", "main", "--database", "shop"],
                environment: [Self.variable: "127.0.0.1:\(refused)"]
            )
            #expect(off.exitCode == 0 && !off.errors.contains("warning"), "\(off.errors)")
        }
    }

    @Test("The gateway of frost up: commands look where it was told, also for names that no certificate covers")
    func child() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            let admin = "127.0.0.1:\(try await PostgresServer.freePort())"
            let said = { @Sendable () async throws -> String in
                let shown = try await host.frost(["branch", "url", "main", "--database", "shop"])
                #expect(shown.exitCode == 0 && shown.output.hasPrefix("postgresql://"), "\(shown.errors)")
                return shown.errors
            }
            try await Program.whileRunning(
                Checkout.program("frost"),
                host.upArguments,
                environment: host.environment.merging([Self.variable: admin]) { $1 },
                port: host.port,
                log: host.directory.file("up.log")
            ) { _ in
                try await host.answers()
                // A slow machine may let a second pass without an answer.
                try await eventually("it says nothing") { try await said().isEmpty }
                let gateway = try host.gateway()
                try await Command.check("kill", ["-STOP", gateway])
                let hung = try await said()
                try await Command.check("kill", ["-CONT", gateway])
                let words = "accepts connections at \(admin) but does not answer; stop frost up and start it again"
                #expect(hung == "frost: warning: the gateway \(words)\n", "\(hung)")
                try await eventually("it says nothing again") { try await said().isEmpty }

                try await host.check("settings", "--wildcard-base", "other.localhost", "--yes")
                try await eventually("it says that the name is on no certificate") {
                    try await said().contains(
                        "no certificate of the gateway covers main.pg.shop.other.localhost, so clients with "
                            + "sslmode=verify-full cannot connect; give the gateway a certificate for *.pg.shop.other.localhost"
                    )
                }
                try await host.check("settings", "--wildcard-base", "localhost", "--yes")
            }
            let gone = try await said()
            #expect(gone == "frost: warning: the gateway does not answer at \(admin); start it: frost up\n", "\(gone)")
        }
    }
}
