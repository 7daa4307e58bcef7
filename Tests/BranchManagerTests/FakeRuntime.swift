import BranchManager
import Synchronization

/// A runtime whose servers are entries of a table, and whose calls can be made to fail.
final class FakeRuntime: BranchRuntime {
    struct State {
        /// What was called, and what the routes said, in order.
        var events: [String] = []
        var running: Set<String> = []
        /// Targets that have data, and what it is: the name of who made it first.
        var data: [String: String] = [:]
        var copies: [String: String] = [:]
        var failing: Set<String> = []
    }

    let state = Mutex(State())

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

    func initialize(_ server: ServerSpec) async throws(BranchError) {
        try call("initialize", server) { $0.data[server.targetID] = server.targetName }
        await Task.yield()
    }

    func copy(from source: ServerSpec, to server: ServerSpec) async throws(BranchError) {
        try call("copy", server) { $0.copies[server.targetID] = $0.data[source.targetID] }
        await Task.yield()
    }

    func adoptCopy(_ server: ServerSpec) async throws(BranchError) {
        try call("adopt", server) { state in
            if let copy = state.copies.removeValue(forKey: server.targetID) { state.data[server.targetID] = copy }
        }
    }

    func discardCopy(_ server: ServerSpec) async throws(BranchError) {
        try call("discard", server) { $0.copies[server.targetID] = nil }
    }

    func start(_ server: ServerSpec) async throws(BranchError) {
        try call("start", server) { _ = $0.running.insert(server.targetID) }
        await Task.yield()
    }

    func stop(_ server: ServerSpec) async throws(BranchError) {
        try call("stop", server) { _ = $0.running.remove(server.targetID) }
        await Task.yield()
    }

    func isRunning(_ server: ServerSpec) async throws(BranchError) -> Bool {
        let (isRunning, fails) = state.withLock { state in
            (state.running.contains(server.targetID), state.failing.contains("isRunning"))
        }
        if fails { throw .runtime("isRunning does not work today") }
        return isRunning
    }

    func execute(_ commands: [String], on server: ServerSpec) async throws(BranchError) {
        try call("execute", server) { _ in }
    }

    func remove(_ server: ServerSpec) async throws(BranchError) {
        try call("remove", server) { state in
            state.data[server.targetID] = nil
            state.copies[server.targetID] = nil
        }
    }
}

/// Notes what the routes would say of each branch, every time they change.
struct FakeRoutes: RouteListener {
    let runtime: FakeRuntime
    let store: BranchStore

    func routesChanged() async throws(BranchError) {
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
