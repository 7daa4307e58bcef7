import BranchManager
import Foundation
import HTTPTypes

extension API {
    /// The endpoints of branches, by both names that they have.
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
                summary: "The branches of a database, the oldest first.",
                answer: .list(.object("Target"))
            ) { exchange in
                let database = try state.database(exchange)
                return Answer(.ok, .array(try state.store.branches(of: database.id).map { Shapes.target($0) }))
            },
            Endpoint(
                method: .post,
                path: collection,
                name: "\(plural).create",
                summary: "Makes a branch as a copy of another of its database, main unless another is named.",
                fields: [.init("name", .string), .init("sourceTargetId", .string, required: false, orNull: true)],
                status: .accepted,
                answer: .object("Accepted")
            ) { exchange in
                let source = try await state.source(exchange, or: BranchName.main)
                let name = exchange.string("name") ?? ""
                return try await checking("name") {
                    try await state.accept(.createBranch(name, from: source))
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
                summary: "Renames a branch; its hostname follows, its sessions go on.",
                fields: [.init("name", .string)],
                answer: .object("Target")
            ) { exchange in
                let target = try state.target(exchange)
                let name = exchange.string("name") ?? ""
                return try await checking("name") {
                    Answer(.ok, Shapes.target(try await state.manager.rename(target, to: name)))
                }
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
                summary: "How and where a branch runs, and how it is reached from outside.",
                answer: .object("TargetRuntime")
            ) { exchange in
                let settings = try ServerSettings(state.store)
                let branch = try await state.lookedAt(state.target(exchange))
                let runtime = TargetRuntime(branch, settings: settings, image: state.image)
                return Answer(.ok, Shapes.runtime(runtime))
            },
            Endpoint(
                method: .get,
                path: "\(one)/connections",
                name: "\(plural).connections",
                summary: "Connection strings and programs that work as pasted, with the password.",
                answer: .object("Connections")
            ) { exchange in
                let settings = try ServerSettings(state.store)
                let runtime = TargetRuntime(try state.target(exchange), settings: settings, image: state.image)
                return Answer(.ok, Shapes.connections(TargetConnections(runtime)))
            },
            Endpoint(
                method: .get,
                path: "\(one)/operations",
                name: "\(plural).operations",
                summary: "What was done with a branch, the latest first.",
                answer: .list(.object("Operation"))
            ) { exchange in
                let target = try state.target(exchange).target
                return Answer(.ok, .array(try state.store.operations(of: target.id).map { Shapes.operation($0) }))
            },
            change(state, plural, one, "start", "Starts a branch; nothing happens, and no session ends, when it runs.")
            { .start($0) },
            change(state, plural, one, "stop", "Stops a branch; its clients are told so.") { .stop($0) },
            change(state, plural, one, "deploy", "Makes a branch's server anew, on the same data and port.") {
                .deploy($0)
            },
            Endpoint(
                method: .post,
                path: "\(one)/reset",
                name: "\(plural).reset",
                summary: "Gives a branch the data that another has now: its source, unless one is named.",
                fields: [.init("sourceTargetId", .string, required: false, orNull: true)],
                status: .accepted,
                answer: .object("Accepted")
            ) { exchange in
                let target = try state.target(exchange)
                let source = exchange.string("sourceTargetId") == nil ? nil : try await state.source(exchange, or: "")
                return try await checking("sourceTargetId") {
                    try await state.accept(.reset(target, to: source))
                }
            },
        ]
    }

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
    /// A branch whose password was compared with what its server has, where that answers.
    func lookedAt(_ branch: BranchDetails) async throws -> BranchDetails {
        guard branch.target.lifecycleStatus == .active else { return branch }
        _ = try? await manager.checkPassword(branch)
        return try store.branch(id: branch.target.id)
    }

    /// The branch of a path, which has to be one of the path's database.
    func target(_ exchange: Exchange) throws -> BranchDetails {
        try branch(exchange.parameter("targetId"), in: database(exchange))
    }

    /// The branch that `sourceTargetId` names, or one by its name.
    func source(_ exchange: Exchange, or name: String) async throws -> BranchDetails {
        let database = try database(exchange)
        guard let id = exchange.string("sourceTargetId") else { return try store.branch(name, in: database) }
        return try await API.checking("sourceTargetId") {
            do throws(BranchError) {
                return try branch(id, in: database)
            } catch .notFound(let text) {
                throw BranchError.invalid(text)
            }
        }
    }

    /// By id alone: a name in a path would lead elsewhere after a rename.
    private func branch(_ id: String, in database: BranchDatabase) throws(BranchError) -> BranchDetails {
        let found = try store.branch(id: id)
        guard found.database.id == database.id else {
            throw .notFound("the database '\(database.name)' has no branch \(id)")
        }
        return found
    }
}
