import Foundation
import NIOHTTP1
import TestSupport
import Testing

/// What programs written for Frost's API send and read: bodies as its own page sends them, answers where it looks.
@Suite struct FrostBodiesTests {
    @Test("A life with the bodies that Frost's page sends; ids and names are where it reads them")
    func life() async throws {
        try await APIHost.run { host in
            let project = try await host.expect(
                201,
                .POST,
                "/api/projects",
                #"{"name": "shop", "envVars": [{"key": "A", "value": "b"}], "templateId": null}"#
            )
            let projectID = try #require(project["id"].text)
            let database = try await host.expect(
                202,
                .POST,
                "/api/projects/\(projectID)/databases",
                #"{"name": "orders", "engine": "postgres"}"#
            )
            try await host.follow(database)
            #expect(database["database"]["engine"].text == "postgres")
            let databaseID = try #require(database["database"]["id"].text)
            #expect(database["target"]["databaseId"].text == databaseID)
            let targets = "/api/databases/\(databaseID)/targets"
            let dev = try await host.expect(202, .POST, targets, #"{"name": "dev", "sourceTargetName": "main"}"#)
            try await host.follow(dev)
            let id = try #require(dev["id"].text)
            #expect(dev["target"]["id"].text == id)
            #expect(dev["name"].text == "dev" && dev["hostname"].text == "dev")
            // The fields stand there twice, and say the same.
            for (name, value) in dev["target"].members { #expect(dev[name] == value, "\(name)") }
            let qa = try await host.expect(202, .POST, targets, #"{"name": "qa", "sourceTargetName": "dev"}"#)
            #expect(qa["sourceTargetId"].text == id)
            try await host.follow(qa)
            let reset = try await host.expect(202, .POST, "\(targets)/\(id)/reset", #"{"sourceTargetName": "qa"}"#)
            #expect(try await host.follow(reset)["status"].text == "succeeded")
            for (action, body) in [("stop", "{}"), ("start", #"{"unknown": 1}"#), ("deploy", "{}")] {
                try await host.follow(try await host.expect(202, .POST, "\(targets)/\(id)/\(action)", body))
            }
            let patched = try await host.expect(
                200,
                .PATCH,
                "\(targets)/\(id)",
                #"{"name": "neu", "hostname": null, "memoryLimit": null, "cpuLimit": null, "ttlValue": null, "#
                    + #""ttlUnit": null, "scaleToZeroMinutes": null, "lifecycleStatus": null, "more": [1]}"#
            )
            #expect(patched["hostname"].text == "neu" && patched["name"].text == "neu")
            #expect(patched["externalHost"].text == "neu.pg.shop.example.net")
            // Nothing of it is a change.
            let same = try await host.expect(200, .PATCH, "\(targets)/\(id)", #"{"ttlValue": null}"#)
            #expect(same["name"].text == "neu")
            let deleted = try await host.expect(202, .DELETE, "\(targets)/\(id)")
            #expect(deleted["id"].text == id)
            #expect(try await host.follow(deleted)["status"].text == "succeeded")
        }
    }

    @Test("The runtime object has every field of Frost's, with its types")
    func runtime() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let dev = "/api/databases/\(shop.database)/targets/\(shop.dev)"
            let runtime = try await host.expect(200, .GET, "\(dev)/runtime")
            for name in ["name", "hostname"] { #expect(runtime[name].text == "dev") }
            #expect(runtime["lifecycleStatus"].text == "active" && runtime["state"].text == "active")
            #expect(runtime["hostPort"].number != nil && runtime["runtimeHostPort"] == runtime["hostPort"])
            #expect(runtime["gatewayEnabled"].kind == .bool(false), "Frost's own: whether a relay wakes the branch")
            for name in [
                "runtimeServiceId", "memoryLimit", "cpuLimit", "ttlValue", "ttlUnit", "scaleToZeroMinutes",
                "lastActivityAt",
            ] {
                #expect(runtime.members[name] == .null, "\(name)")
            }
            let created = try #require(runtime["createdAt"].number)
            #expect(abs(Double(created) - Date.now.timeIntervalSince1970 * 1_000) < 3_600_000, "in milliseconds")
            try await host.follow(try await host.expect(202, .POST, "\(dev)/stop"))
            #expect(try await host.expect(200, .GET, "\(dev)/runtime")["lifecycleStatus"].text == "stopped")
        }
    }

    @Test("What this frost has not is refused with its field and what to do; an error is read as Frost's")
    func refusals() async throws {
        try await APIHost.run { host in
            let shop = try await host.makeShop()
            let targets = "/api/databases/\(shop.database)/targets"
            let project = try #require(try await host.expect(200, .GET, "/api/projects").list.first?["id"].text)
            let cases: [(HTTPMethod, String, String, String)] = [
                (.POST, "/api/projects", #"{"name": "a", "templateId": "blog"}"#, "templateId"),
                (.POST, "/api/projects", #"{"name": "a", "envVars": {}}"#, "envVars"),
                (.POST, "/api/projects/\(project)/databases", #"{"name": "a", "engine": "mysql"}"#, "engine"),
                (.POST, targets, #"{"name": "a", "sourceTargetName": "none"}"#, "sourceTargetName"),
                (
                    .POST, targets,
                    #"{"name": "a", "sourceTargetName": "main", "sourceTargetId": "\#(shop.dev)"}"#, "sourceTargetName"
                ),
                (.POST, "\(targets)/\(shop.dev)/reset", #"{"sourceTargetName": "dev"}"#, "sourceTargetName"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"hostname": "other"}"#, "hostname"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"memoryLimit": "512m"}"#, "memoryLimit"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"cpuLimit": 0.5}"#, "cpuLimit"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"name": "x", "ttlValue": 0, "ttlUnit": "days"}"#, "ttlValue"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"name": "x", "ttlValue": 366, "ttlUnit": "days"}"#, "ttlValue"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"name": "x", "ttlValue": 7}"#, "ttlUnit"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"name": "x", "ttlValue": 7, "ttlUnit": "weeks"}"#, "ttlUnit"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"name": "x", "ttlValue": "7", "ttlUnit": "days"}"#, "ttlValue"),
                (.POST, targets, #"{"name": "a", "ttlValue": 8760, "ttlUnit": "days"}"#, "ttlValue"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"scaleToZeroMinutes": 5}"#, "scaleToZeroMinutes"),
                (.PATCH, "\(targets)/\(shop.dev)", #"{"lifecycleStatus": "stopped"}"#, "lifecycleStatus"),
            ]
            for (method, path, body, field) in cases {
                let answer = try await host.request(method, path, body)
                #expect(answer.status == 422 && answer.field == field, "\(body): \(answer.body)")
                // Where Frost's page looks for them.
                #expect(answer.body["message"].text == answer.message)
                #expect(answer.body["status"].number == 422)
                #expect(answer.body["code"].text == "UNPROCESSABLE_CONTENT")
            }
            let names = try await host.expect(200, .GET, targets).list.compactMap { $0["name"].text }
            #expect(names == ["main", "dev"], "nothing has changed")
            let missing = try await host.request(.GET, "\(targets)/dbt_none")
            #expect(missing.body["code"].text == "NOT_FOUND")
            #expect(try await host.expect(200, .GET, "/api/health")["ok"].kind == .bool(true))
        }
    }
}
