import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// Operations through the API of `frost up`, in the build that ships.
@Suite struct FrostAPITests {
    @Test("Operations of every kind through the API, each seen by psql through the gateway")
    func everyKind() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.withUp { _ in
                let api = try await host.api()
                let project = try await api.send(.POST, "projects", #"{"name": "books"}"#).decode(FrostAPI.Named.self)
                #expect(
                    try await api.operate(.POST, "projects/\(project.id)/databases", #"{"name": "orders"}"#)?.name
                        == "main"
                )

                let shop = try #require(
                    try await host.list("database", as: [FrostHost.NamedThing].self).first { $0.name == "shop" }
                )
                let branches = "databases/\(shop.id)/branches"
                let dev = try #require(try await api.operate(.POST, branches, #"{"name": "dev"}"#))
                let one = "\(branches)/\(dev.id)"
                try await expect(host, "dev", "main")

                try await api.operate(.POST, "\(one)/stop")
                try await eventually("dev is refused") {
                    try host.refusal(of: "dev.pg.shop.localhost") == "57P03"
                }
                try await api.operate(.POST, "\(one)/start")
                try await expect(host, "dev", "main")
                #expect(try await api.send(.POST, "\(one)/start").status == 200, "nothing to do: no operation")

                #expect(try await host.psql("dev", "UPDATE mark SET branch = 'dev'").isSuccess)
                try await api.operate(.POST, "\(one)/deploy")
                try await expect(host, "dev", "dev")
                try await api.operate(.POST, "\(one)/reset", "{}")
                try await expect(host, "dev", "main")

                #expect(try await api.send(.PATCH, one, #"{"name": "qa"}"#).status == 200)
                try await expect(host, "qa", "main")
                try await api.operate(.DELETE, one)
                try await eventually("qa is refused") {
                    try host.refusal(of: "qa.pg.shop.localhost") == "3D000"
                }
                try await api.operate(.DELETE, "databases/\(shop.id)")
                #expect(try await host.branches().map(\.database) == ["orders"])
                #expect(try await api.send(.GET, "health").status == 200, "and it is still there")
            }
        }
    }

    @Test(
        "The password by API and by command: the new string works at once, the old one no longer; a version that is missing"
    )
    func passwordAndVersion() async throws {
        try await FrostHost.run { host in
            try await host.makeShop()
            try await host.check("branch", "create", "dev", "--database", "shop")
            try await host.check("branch", "stop", "dev", "--database", "shop")
            try await host.withUp { _ in
                let api = try await host.api()
                let shop = try #require(try await host.list("database", as: [FrostHost.NamedThing].self).first)
                let before = try await host.url("main")
                try await eventually("main answers") { try await host.psql(url: before, "SELECT 1").isSuccess }

                let rotated = try await api.send(.POST, "databases/\(shop.id)/password")
                #expect(rotated.status == 200, "\(String(decoding: rotated.body, as: UTF8.self))")
                let byAPI = try await host.url("main")
                #expect(byAPI != before)
                #expect(try await host.psql(url: byAPI, "SELECT 1").isSuccess)
                #expect(try await host.psql(url: before, "SELECT 1").errors.contains("password authentication failed"))

                try await host.check("database", "password", "shop", "--rotate")
                let byCommand = try await host.url("main")
                #expect(try await host.psql(url: byCommand, "SELECT 1").isSuccess)
                #expect(try await host.psql(url: byAPI, "SELECT 1").errors.contains("password authentication failed"))
                // One that was stopped meanwhile has it before anybody is led there, and can be copied.
                try await host.check("branch", "start", "dev", "--database", "shop")
                try await eventually("dev answers") { try await host.psql("dev", "SELECT 1").isSuccess }
                try await host.check("branch", "create", "copy", "--database", "shop", "--from", "dev")
                try await eventually("its copy too") { try await host.psql("copy", "SELECT 1").isSuccess }

                let project = try #require(try await host.list("project", as: [FrostHost.NamedThing].self).first).id
                let missing = try await api.send(
                    .POST,
                    "projects/\(project)/databases",
                    #"{"name": "future", "postgresVersion": 99}"#
                )
                #expect(missing.status >= 400)
                #expect(String(decoding: missing.body, as: UTF8.self).contains("postgresql-99"))
                let byName = try await host.frost(
                    ["database", "create", "future", "--project", "shop", "--postgres-version", "99"]
                )
                #expect(byName.exitCode != 0 && byName.errors.contains("postgresql-99"), "\(byName.errors)")
                #expect(try await host.list("database", as: [FrostHost.NamedThing].self).count == 1, "nothing was made")
            }
        }
    }

    /// What psql reads through the gateway; it follows within a second.
    private func expect(_ host: FrostHost, _ branch: String, _ mark: String) async throws {
        try await eventually("\(branch) has the data of \(mark)") {
            try await host.psql(branch, "SELECT branch FROM mark").output == "\(mark)\n"
        }
    }
}
