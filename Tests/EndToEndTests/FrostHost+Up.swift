import Foundation
import TestSupport

/// A `frost up` on the host, with its gateway.
extension FrostHost {
    /// While `frost up` runs, without the example.
    ///
    /// - Parameter body: gets the process id.
    func withUp<Value: Sendable>(
        log: String = "up.log",
        _ body: @Sendable (Int32) async throws -> Value
    ) async throws -> Value {
        try await Program.whileRunning(
            Checkout.program("frost"),
            upArguments,
            environment: upEnvironment,
            port: port,
            log: directory.file(log),
            body
        )
    }

    var upArguments: [String] {
        [
            "up", "--no-example", "--port", String(port), "--listen-address", "127.0.0.1",
            "--api-address", "127.0.0.1:0", "--cert-file", certificate.certFile, "--key-file", certificate.keyFile,
        ]
    }

    var upEnvironment: [String: String] {
        environment.merging(["FROST_POSTGRES_GATEWAY_ADMIN_ADDRESS": "127.0.0.1:0"]) { $1 }
    }

    /// What a `frost up` printed.
    func log(_ name: String = "up.log") -> String {
        (try? String(contentsOfFile: directory.file(name), encoding: .utf8)) ?? ""
    }

    /// Makes a token for the API; it ends the one before.
    func newToken() async throws -> String { try await check("token", "rotate").trimmingCharacters(in: .newlines) }

    /// The API of the `frost up` that runs, with a new token.
    func api() async throws -> FrostAPI {
        // The gateway, which is what a test has waited for, may listen before frost has told its own address.
        try await eventually("frost up tells the address of its API") { FrostAPI.address(in: log()) != nil }
        return try await FrostAPI(log: log(), token: newToken())
    }

    /// Waits until the branch main answers through the gateway.
    func answers() async throws {
        try await eventually("main answers through the gateway") {
            try await psql("main", "SELECT branch FROM mark").output == "main\n"
        }
    }

    /// The process of the gateway that `frost up` has started.
    func gateway() throws -> String {
        let record = try String(contentsOfFile: directory.file("data/gateway.pid"), encoding: .utf8)
        return String(record.split(separator: " ")[0])
    }

    static func isRunning(_ process: String) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return !stat.contains(") Z ")
    }
}
