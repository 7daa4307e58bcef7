package import BranchManager
package import Synchronization

/// A runtime whose servers are entries of a table, and whose calls can be made to fail.
package final class FakeRuntime: BranchRuntime {
    package struct State {
        /// What was called, and what the routes said, in order.
        package var events: [String] = []
        package var running: Set<String> = []
        /// Targets that have data, and what it is: the name of who made it first.
        package var data: [String: String] = [:]
        package var copies: [String: String] = [:]
        package var failing: Set<String> = []
        /// What every copy says that was turned off in it.
        package var turnedOff: [String] = []
        /// Calls that wait until they are no longer in it.
        package var held: Set<String> = []
        /// How many wait, by call.
        package var waiting: [String: Int] = [:]
        /// Servers that recover, and what they say of it.
        package var recovering: [String: String] = [:]
        /// What servers keep in place of a password, by target.
        package var verifiers: [String: String] = [:]
        package var versions: Set<Int> = [15]
        /// What servers say of who uses them, by branch: clients, sessions, and those in `postgres`.
        package var uses: [String: (clients: Int, sessions: Int, postgres: Int)] = [:]
        /// What a copy says before it waits, where it does.
        package var progress: CopyProgress?
    }

    package let ownSessions = OwnSessions()

    package let state = Mutex(State())

    package init() {}

    private func call(_ what: String, _ server: ServerSpec, _ body: (inout State) -> Void) throws(BranchError) {
        let fails = state.withLock { state in
            state.events.append("\(what) \(server.targetName)")
            if state.failing.contains(what) { return true }
            body(&state)
            return false
        }
        // So that operations overlap where they may.
        if fails { throw .runtime("\(what) does not work today") }
    }

    private func wait(_ what: String) async {
        guard state.withLock({ $0.held.contains(what) }) else { return }
        state.withLock { $0.waiting[what, default: 0] += 1 }
        while state.withLock({ $0.held.contains(what) }), !Task.isCancelled { await Task.yield() }
        state.withLock { $0.waiting[what, default: 0] -= 1 }
    }

    package func checkAvailable() async throws(BranchError) {
        if state.withLock({ $0.failing.contains("engine") }) { throw .runtime("no engine today") }
    }

    package func leftovers(of server: ServerSpec) -> [String] { ["the files of \(server.targetName)"] }

    package func initialize(_ server: ServerSpec) async throws(BranchError) {
        await wait("initialize")
        if Task.isCancelled { throw .runtime("it was ended") }
        try call("initialize", server) { $0.data[server.targetID] = server.targetName }
        await Task.yield()
    }

    package func copy(
        from source: ServerSpec,
        to server: ServerSpec,
        progress: @escaping @Sendable (CopyProgress) -> Void
    ) async throws(BranchError) -> [String] {
        if let told = state.withLock({ $0.progress }) { progress(told) }
        await wait("copy")
        if Task.isCancelled { throw .runtime("the copy was ended") }
        try call("copy", server) { $0.copies[server.targetID] = $0.data[source.targetID] }
        await Task.yield()
        return state.withLock { $0.turnedOff }
    }

    package func adoptCopy(_ server: ServerSpec) async throws(BranchError) {
        try call("adopt", server) { state in
            if let copy = state.copies.removeValue(forKey: server.targetID) { state.data[server.targetID] = copy }
        }
    }

    package func discardCopy(_ server: ServerSpec) async throws(BranchError) {
        try call("discard", server) { $0.copies[server.targetID] = nil }
    }

    package func start(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        await wait("start")
        try call("start", server) { _ = $0.running.insert(server.targetID) }
        await Task.yield()
        return try await condition(server)
    }

    package func condition(_ server: ServerSpec) async throws(BranchError) -> ServerCondition {
        state.withLock { state in
            guard state.running.contains(server.targetID) else { return .down }
            return state.recovering[server.targetName].map { .recovering($0) } ?? .answering
        }
    }

    package func versionForNewServer(_ asked: Int?) throws(BranchError) -> Int? {
        let versions = state.withLock { $0.versions }
        guard let asked else { return versions.max() }
        guard versions.contains(asked) else { throw .invalid("install postgresql-\(asked)") }
        return asked
    }

    package func versionsForNewServers() -> [Int] { state.withLock { $0.versions.sorted(by: >) } }

    package func majorVersion(_ server: ServerSpec) async throws(BranchError) -> Int? { server.postgresVersion }

    package func passwordVerifier(_ server: ServerSpec) async throws(BranchError) -> String? {
        state.withLock { $0.verifiers[server.targetID] }
    }

    package func stop(_ server: ServerSpec) async throws(BranchError) {
        await wait("stop")
        try call("stop", server) { _ = $0.running.remove(server.targetID) }
        await Task.yield()
    }

    package func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool {
        let (isRunning, fails) = state.withLock { state in
            (state.running.contains(server.targetID), state.failing.contains("isRunning"))
        }
        if fails { throw .runtime("isRunning does not work today") }
        return isRunning
    }

    /// Only ever asked who uses a server.
    package func query(_ command: String, on server: ServerSpec) async throws(BranchError) -> String {
        let use = state.withLock { state in
            state.failing.contains("query") ? nil : state.uses[server.targetName] ?? (0, 0, 0)
        }
        guard let use else { throw .runtime("query does not work today") }
        return "\(use.clients)|\(use.sessions)|\(use.postgres)|now\n"
    }

    package func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError) {
        try call("execute", server) { _ in }
    }

    package func remove(_ server: ServerSpec) async throws(BranchError) {
        await wait("remove")
        try call("remove", server) { state in
            state.data[server.targetID] = nil
            state.copies[server.targetID] = nil
        }
    }
}

/// Notes what the routes would say of each branch, every time they change.
package struct FakeRoutes: RouteListener {
    package let runtime: FakeRuntime
    package let store: BranchStore

    package init(runtime: FakeRuntime, store: BranchStore) {
        self.runtime = runtime
        self.store = store
    }

    package func routesChanged() async throws(BranchError) {
        if runtime.state.withLock({ $0.failing.contains("routes") }) { throw .store("routes does not work today") }
        let branches = (try? store.branches()) ?? []
        let routes = branches.compactMap { branch -> String? in
            switch branch.target.lifecycleStatus.routing {
            case .active: "+\(branch.target.name)"
            case .stopped: "-\(branch.target.name)"
            case .absent: nil
            }
        }
        runtime.state.withLock { $0.events.append("routes \(routes.joined(separator: " "))") }
    }
}
