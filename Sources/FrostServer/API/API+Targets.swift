import BranchManager
import Foundation
import HTTPTypes

extension API {
    /// The endpoints of branches, under both of their names.
    static func targets(_ state: ServerState) -> [Endpoint] {
        ["targets", "branches"].flatMap { targets(state, $0) }
    }

    private static func targets(_ state: ServerState, _ plural: String) -> [Endpoint] {
        let collection = "/databases/{databaseId}/\(plural)"
        let one = "\(collection)/{targetId}"
        return [
            Endpoint(
                method: .get,
                path: collection,
                name: "\(plural).list",
                summary: "The branches of a database, oldest first.",
                answer: .list(.object("Target"))
            ) { exchange in
                let database = try state.database(exchange)
                return Answer(.ok, .array(try state.store.branches(of: database.id).map { Shapes.target($0) }))
            },
            Endpoint(
                method: .post,
                path: collection,
                name: "\(plural).create",
                summary: "Creates a branch as a copy of another in its database, by default main.",
                isFrosts: true,
                fields: [.init("name", .string)] + source + ttl,
                status: .accepted,
                answer: .object("Accepted")
            ) { exchange in
                let named = try await state.source(exchange)?.branch
                let source = try named ?? state.store.branch(BranchName.main, in: state.database(exchange))
                let name = exchange.string("name") ?? ""
                let ttl = try await ttlChange(exchange)?.ttl
                return try await checking("name") {
                    try await state.accept(.createBranch(name, from: source, ttl: ttl))
                }
            },
            Endpoint(
                method: .get,
                path: one,
                name: "\(plural).get",
                summary: "A branch.",
                answer: .object("Target")
            ) { exchange in Answer(.ok, Shapes.target(try state.target(exchange))) },
            Endpoint(
                method: .patch,
                path: one,
                name: "\(plural).rename",
                summary: "Renames a branch; its hostname changes, its sessions continue. The old hostname works for "
                    + "keepHostnameSeconds. ttlValue and ttlUnit set after how long without use it expires; null for "
                    + "never.",
                isFrosts: true,
                fields: [
                    .init("name", .string, required: false, orNull: true),
                    .init("keepHostnameSeconds", .integer(AliasDuration.range), required: false, orNull: true),
                ] + ttl + unchangeable,
                answer: .object("TargetRuntime")
            ) { exchange in
                var target = try state.target(exchange)
                let duration = try keptFor(exchange, "keepHostnameSeconds")
                let ttl = try await ttlChange(exchange)
                if let name = exchange.string("name") {
                    target = try await checking("name") {
                        try await state.manager.rename(target, to: name, keepingHostnameFor: duration)
                    }
                }
                if let ttl, ttl.ttl != nil || target.expiry != nil {
                    target = try await checking(ttlValue) { [target] in
                        try await state.manager.setTTL(ttl.ttl, of: target)
                    }
                }
                return Answer(.ok, Shapes.runtime(try await state.runtime(target)))
            },
            Endpoint(
                method: .delete,
                path: one,
                name: "\(plural).delete",
                summary: "Deletes a branch and its data; never main.",
                status: .accepted,
                answer: .object("Accepted")
            ) { exchange in
                let target = try state.target(exchange)
                return try await state.accept(.delete(target))
            },
            Endpoint(
                method: .get,
                path: "\(one)/runtime",
                name: plural == "targets" ? "databases.getTargetRuntime" : "\(plural).getRuntime",
                summary: "How a branch runs, and its external address.",
                answer: .object("TargetRuntime")
            ) { exchange in
                let branch = try await state.lookedAt(state.target(exchange))
                return Answer(.ok, Shapes.runtime(try await state.runtime(branch)))
            },
            Endpoint(
                method: .get,
                path: "\(one)/connections",
                name: "\(plural).connections",
                summary: "Connection strings and ready-to-run programs, with the password.",
                answer: .object("Connections")
            ) { exchange in
                let runtime = try await state.runtime(state.target(exchange))
                return Answer(
                    .ok,
                    Shapes.connections(TargetConnections(runtime, authority: state.certificateAuthority))
                )
            },
            Endpoint(
                method: .get,
                path: "\(one)/operations",
                name: "\(plural).operations",
                summary: "Operations on a branch, latest first.",
                answer: .list(.object("Operation"))
            ) { exchange in
                let target = try state.target(exchange).target
                return Answer(.ok, .array(try state.store.operations(of: target.id).map { Shapes.operation($0) }))
            },
            change(state, plural, one, "start", "Starts a branch; no effect on a running one.") { .start($0) },
            change(state, plural, one, "stop", "Stops a branch; its clients receive 57P01.") { .stop($0) },
            change(state, plural, one, "deploy", "Restarts a branch's server on the same data and port.") {
                .deploy($0)
            },
            Endpoint(
                method: .post,
                path: "\(one)/reset",
                name: "\(plural).reset",
                summary: "Replaces a branch's data with another's current data, by default its source's.",
                isFrosts: true,
                fields: source,
                status: .accepted,
                answer: .object("Accepted")
            ) { exchange in
                let target = try state.target(exchange)
                let named = try await state.source(exchange)
                return try await checking(named?.field ?? "sourceTargetId") {
                    try await state.accept(.reset(target, to: named?.branch))
                }
            },
        ]
    }

    /// The branch to copy: by its id, or by its name, as Frost's own page sends it.
    private static let source: [Endpoint.Field] = [
        .init("sourceTargetId", .string, required: false, orNull: true),
        .init("sourceTargetName", .string, required: false, orNull: true),
    ]

    /// Fields of a branch that Frost can change besides its name.
    private static let unchangeable: [Endpoint.Field] = [
        .onlyNull("hostname", .string, instead: "It is derived from the branch's name; change name."),
        .onlyNull("lifecycleStatus", .string, instead: "Use POST …/start or …/stop."),
        .onlyNull("memoryLimit", .string, instead: "Containers share the limits of frost settings."),
        .onlyNull("cpuLimit", .any, instead: "Containers share the limits of frost settings."),
        .onlyNull("scaleToZeroMinutes", .any, instead: "Branches here run until they are stopped."),
    ]

    private static func change(
        _ state: ServerState,
        _ plural: String,
        _ path: String,
        _ action: String,
        _ summary: String,
        _ request: @escaping @Sendable (BranchDetails) -> BranchRequest
    ) -> Endpoint {
        Endpoint(
            method: .post,
            path: "\(path)/\(action)",
            name: "\(plural).\(action)",
            summary: summary,
            isFrosts: true,
            status: .accepted,
            answer: .object("Accepted")
        ) { exchange in
            let target = try state.target(exchange)
            let answer = try await state.accept(request(target))
            guard answer.status == .ok else { return answer }
            return Answer(.ok, Shapes.accepted((operation: nil, target: try state.target(exchange))))
        }
    }
}

extension ServerState {
    /// A branch after comparing its password with that of its server, if the server answers.
    func lookedAt(_ branch: BranchDetails) async throws -> BranchDetails {
        guard branch.target.lifecycleStatus == .active else { return branch }
        _ = try? await manager.checkPassword(branch)
        return try store.branch(id: branch.target.id)
    }

    /// The branch of a path, which must belong to the path's database.
    func target(_ exchange: Exchange) throws -> BranchDetails {
        try branch(exchange.parameter("targetId"), in: database(exchange))
    }

    /// A branch's runtime and addresses, with the current settings.
    func runtime(_ branch: BranchDetails) async throws -> TargetRuntime {
        let condition = try await gateway.condition()
        return TargetRuntime(branch, settings: try ServerSettings(store), gateway: condition, image: image)
    }

    /// The branch in `sourceTargetId` or `sourceTargetName`, and which of the two fields; nil if neither is set.
    ///
    /// - Throws: ``APIError`` that names the field, also if they name different branches.
    func source(_ exchange: Exchange) async throws -> (branch: BranchDetails, field: String)? {
        let database = try database(exchange)
        let byID = try await named("sourceTargetId", exchange) { id throws(BranchError) in
            try branch(id, in: database)
        }
        let byName = try await named("sourceTargetName", exchange) { name throws(BranchError) in
            try store.branch(name, in: database)
        }
        if let byID, let byName, byID.branch.target.id != byName.branch.target.id {
            throw APIError(
                .invalid,
                "sourceTargetId and sourceTargetName name different branches; set only one of them",
                field: byName.field
            )
        }
        return byID ?? byName
    }

    private func named(
        _ field: String,
        _ exchange: Exchange,
        _ find: (String) throws(BranchError) -> BranchDetails
    ) async throws -> (branch: BranchDetails, field: String)? {
        guard let text = exchange.string(field) else { return nil }
        return try await API.checking(field) {
            do throws(BranchError) {
                return (try find(text), field)
            } catch .notFound(let text) {
                throw BranchError.invalid(text)
            }
        }
    }

    /// By id only: a name in a path would mean another branch after a rename.
    private func branch(_ id: String, in database: BranchDatabase) throws(BranchError) -> BranchDetails {
        let found = try store.branch(id: id)
        guard found.database.id == database.id else {
            throw .notFound("the database '\(database.name)' has no branch \(id)")
        }
        return found
    }
}
