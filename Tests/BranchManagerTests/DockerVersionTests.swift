import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import BranchManager

/// Which image a branch's container is of.
@Suite struct DockerVersionTests {
    @Test("Names to look for: of the version first, with what stands behind it in the tag; then what is set, then kept")
    func names() throws {
        func names(_ text: String, _ major: Int?, kept: String? = nil) throws -> [String] {
            try PostgresImages(text).candidates(for: major, kept: kept)
        }
        #expect(try names("postgres:16", nil) == ["postgres:16"])
        #expect(try names("postgres:16", 16) == ["postgres:16"])
        #expect(try names("postgres:16.2", 16) == ["postgres:16.2"])
        #expect(try names("postgres:16.2", 15) == ["postgres:15", "postgres:16.2"])
        #expect(try names("r:5000/a/pg:16-alpine", 15) == ["r:5000/a/pg:15-alpine", "r:5000/a/pg:16-alpine"])
        #expect(try names("postgis:17-3.4", 15, kept: "pg:15") == ["postgis:15-3.4", "postgis:17-3.4", "pg:15"])
        #expect(try names("r:5000/pg:{major}-x", 15, kept: "pg:15") == ["r:5000/pg:15-x", "pg:15"])
        #expect(try names("pg{major}:latest", nil) == ["pg16:latest"])
        #expect(try names("r:5000/pg", 15) == ["r:5000/pg"])
        #expect(try names("pg:latest", 15, kept: "pg:latest") == ["pg:latest"])
        #expect(try names("pg:16@sha256:0a", 15) == ["pg:16@sha256:0a"])
        for text in ["", "{major}", "a b", "a?b", "a/../b", "/a", "a//b", "{major}:{major}", "pg:{minor}", "pg#1"] {
            #expect(throws: BranchError.self, "\(text)") { try PostgresImages(text) }
        }
    }

    @Test(
        "Branches keep the version of their data: made, deployed, copied, reset, over changes of the image that is set"
    )
    func sideBySide() async throws {
        try await VersionedImages.run { images in
            let setting = Mutex(images.name)
            try await RuntimeHost.run(.docker, image: { () throws(BranchError) in setting.withLock { $0 } }) { host in
                let project = try host.manager.createProject("shop")
                func make(_ name: String, _ version: Int?) async throws -> BranchDetails {
                    try await host.manager.createDatabase(name, in: project, runtime: .docker, postgresVersion: version)
                }
                let (older, newer) = (VersionedImages.older, VersionedImages.newer)
                let old = try await make("old", older)
                let new = try await make("new", newer)
                #expect(old.target.postgresVersion == older)
                #expect(old.target.image == images.name(of: "\(older)"))
                #expect(new.target.postgresVersion == newer)
                for (branch, version) in [(old, older), (new, newer)] {
                    #expect(try await host.query(branch, "SHOW server_version_num").hasPrefix("\(version)"))
                }

                // One that is no name for all versions, and has the newer: the older is not there by it.
                try await images.tag(images.name(of: "\(newer)"), "latest")
                setting.withLock { $0 = images.name(of: "latest") }
                let wanted = await #expect(throws: BranchError.self) { try await make("other", older) }
                #expect(wanted?.description.contains("has PostgreSQL \(newer), not \(older)") == true)
                let deployed = try await host.manager.deploy(old)
                #expect(deployed.target.image == images.name(of: "\(older)"))
                let dev = try await host.manager.createBranch("dev", from: deployed)
                try await host.manager.stop(old)
                let copy = try await host.manager.createBranch("copy", from: old)
                try await host.manager.reset(dev, to: copy)
                for branch in [dev, copy] {
                    #expect(try await host.query(branch, "SHOW server_version_num").hasPrefix("\(older)"))
                    #expect(try host.manager.store.branch(id: branch.target.id).target.image == deployed.target.image)
                }
                // The image that is set, for the version that it has.
                #expect(try await host.manager.deploy(new).target.image == images.name(of: "latest"))

                // Known to no store, as of an earlier frost: the data says it.
                setting.withLock { $0 = images.name }
                try host.manager.store.write { db in
                    try db.execute(sql: "UPDATE target SET postgresVersion = NULL, image = NULL")
                }
                let again = try await host.manager.start(old)
                #expect(again.target.postgresVersion == older)
                #expect(again.target.image == images.name(of: "\(older)"))

                // What is missing has a name.
                try await host.manager.stop(old)
                try await images.remove("\(older)")
                let missing = await #expect(throws: BranchError.self) { try await host.manager.start(old) }
                #expect(missing?.description.contains("the branch's data needs PostgreSQL \(older)") == true)
                #expect(missing?.description.contains("docker pull \(images.name(of: "\(older)"))") == true)
                let none = await #expect(throws: BranchError.self) { try await make("other", older) }
                #expect(none?.description.contains("docker pull \(images.name(of: "\(older)"))") == true)
                #expect(try host.manager.store.databases().count == 2)
            }
        }
    }

    @Test("An image without a server is told before anything is registered, and leaves no container")
    func noServer() async throws {
        let name = "frost-no-server-\(UUID().uuidString.prefix(8).lowercased())"
        try await RuntimeHost.run(.docker, image: { () throws(BranchError) in name }) { host in
            let directory = try TemporaryDirectory("image")
            defer { directory.remove() }
            let file = "FROM \(try await PostgresImage.tag())\nENV PG_MAJOR=\nRUN rm -rf /usr/lib/postgresql\n"
            try Data(file.utf8).write(to: URL(fileURLWithPath: directory.file("Dockerfile")))
            try await Command.check("docker", ["build", "-q", "--network", "none", "-t", name, directory.path])
            let error = await #expect(throws: BranchError.self) { try await host.makeDatabase() }
            #expect(error?.description.contains("PostgreSQL version of the image \(name)") == true)
            #expect(try host.manager.store.databases().isEmpty)
            let left = try await Command.check("docker", ["ps", "-aq", "--filter", "ancestor=\(name)"])
            #expect(left.isEmpty)
            try await Command.check("docker", ["rmi", name])
            // The host's own network is removed at its end.
            try await Command.check("docker", ["network", "create", host.network])
        }
    }
}
