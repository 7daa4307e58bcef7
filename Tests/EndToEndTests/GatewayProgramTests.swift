import Foundation
import TestSupport
import Testing

/// The program itself, as an operator starts it.
@Suite struct GatewayProgramTests {
    private static let program = Checkout.program("postgres-gateway")

    private func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Command.Result {
        try await Command.run(Self.program, ["run"] + arguments, environment: environment)
    }

    @Test("Disabled: one line, exit 0; whatever else is set")
    func disabled() async throws {
        for environment in [[:], ["FROST_POSTGRES_GATEWAY_ENABLED": "false", "FROST_POSTGRES_GATEWAY_PORT": "x"]] {
            let result = try await run([], environment: environment)
            #expect(result.exitCode == 0)
            #expect(result.errors.contains("FROST_POSTGRES_GATEWAY_ENABLED=true"))
            #expect(result.errors.split(separator: "\n").count == 1)
        }
    }

    @Test(
        "A setting that cannot be used: one line that names it, exit 78",
        arguments: [
            ([], "FROST_POSTGRES_GATEWAY_ROUTE_FILE"), (["--route-file", "/r"], "FROST_POSTGRES_GATEWAY_CERT_FILE"),
            (["--route-file", "/r", "--cert-file", "/c"], "FROST_POSTGRES_GATEWAY_KEY_FILE"),
            (["--route-file", "/r", "--cert-file", "/none.crt", "--key-file", "/none.key"], "/none.crt"),
            (["--route-file", "/r", "--cert-dir", "/none", "--port", "70000"], "FROST_POSTGRES_GATEWAY_PORT"),
            (["--route-file", "/r", "--cert-dir", "/none"], "/none"),
        ]
    )
    func badSettings(arguments: [String], named: String) async throws {
        let result = try await run(["--enabled"] + arguments)
        #expect(result.exitCode == 78)
        #expect(result.errors.contains(named), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
    }

    @Test("A flag wins over its variable")
    func precedence() async throws {
        let environment = ["FROST_POSTGRES_GATEWAY_ENABLED": "true", "FROST_POSTGRES_GATEWAY_PORT": "70000"]
        let result = try await run(
            ["--route-file", "/r", "--cert-dir", "/none", "--port", "0"],
            environment: environment
        )
        #expect(result.errors.contains("/none"), "\(result.errors)")
        let disabled = try await run(["--no-enabled"], environment: environment)
        #expect(disabled.exitCode == 0)
    }

    @Test("A flag that does not exist is a usage error")
    func unknownFlag() async throws {
        #expect(try await run(["--listen"]).exitCode == 64)
        #expect(try await run(["--help"]).output.contains("--route-file"))
    }

    @Test("A port in use: exit 98, with the port and the variable that moves it")
    func portInUse() async throws {
        let directory = try TemporaryDirectory("program")
        defer { directory.remove() }
        let certificate = try await SelfSignedCertificate.make(in: directory, for: ["*.example"])
        let holder = try RawListener()
        let result = try await run([
            "--enabled", "--port", String(holder.port), "--route-file", "/r",
            "--cert-file", certificate.certFile, "--key-file", certificate.keyFile,
        ])
        #expect(result.exitCode == 98)
        let lines = result.errors.split(separator: "\n").filter { !$0.hasPrefix("{") }
        #expect(lines.count == 1)
        for part in ["port \(holder.port)", "FROST_POSTGRES_GATEWAY_PORT", "--port"] {
            #expect(lines.first?.contains(part) == true, "\(result.errors)")
        }
    }
}
