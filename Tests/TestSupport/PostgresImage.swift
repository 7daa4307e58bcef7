/// An image that does what Docker's `postgres` image does; `scripts/compat-setup.sh` makes it.
package enum PostgresImage {
    private static let name = "frost-postgres-test"

    /// - Throws: ``Command/Failure`` that says how to make it, where it is not there.
    package static func tag() async throws -> String {
        guard try await Command.run("docker", ["image", "inspect", name]).isSuccess else {
            throw Command.Failure("no image \(name), or no Docker engine; run: scripts/compat-setup.sh")
        }
        return name
    }
}
