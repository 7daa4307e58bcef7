import BranchManager
import BranchTestSupport
import Foundation
import Synchronization
import TestSupport
import Testing

/// Operations that somebody cancels, whoever runs them.
@Suite struct CancelTests {
    /// The operation that runs on a branch, once it waits in a call of its runtime.
    private static func waiting(_ host: LifecycleHost, in call: String) async throws -> BranchOperation {
        while host.runtime.state.withLock({ $0.waiting[call] ?? 0 }) == 0 { await Task.yield() }
        return try #require(try host.manager.store.operations().first { $0.status == .running })
    }

    private static func hold(_ host: LifecycleHost, _ calls: String...) {
        host.runtime.state.withLock { $0.held = Set(calls) }
    }

    private static func expectCancelled(_ task: Task<BranchDetails, any Error>) async {
        do {
            _ = try await task.value
            Issue.record("it was not cancelled")
        } catch BranchError.cancelled {
        } catch { Issue.record(error) }
    }

    private static func begin(_ body: @escaping @Sendable () async throws -> BranchDetails) -> Task<
        BranchDetails, any Error
    > {
        Task(executorPreference: BlockingWork.executor) { try await body() }
    }

    @Test("A branch that is being copied: nothing of it is left, and its name can be had again")
    func create() async throws {
        try await LifecycleHost.run { host in
            Self.hold(host, "copy")
            host.runtime.state.withLock { $0.progress = CopyProgress(doneBytes: 1_200, totalBytes: 3_400) }
            let creation = Self.begin { [host] in try await host.manager.createBranch("new", from: host.main) }
            let running = try await Self.waiting(host, in: "copy")
            #expect(running.progress == CopyProgress(doneBytes: 1_200, totalBytes: 3_400))
            #expect(running.canBeCancelled)
            let ended = try await host.manager.cancel(running)
            #expect(ended.status == .cancelled && ended.message == "cancelled; nothing was left behind")
            await Self.expectCancelled(creation)
            #expect(try host.manager.store.branches().map(\.target.name) == ["main", "dev"])
            try host.expectTruth()
            Self.hold(host)
            _ = try await host.manager.createBranch("new", from: host.main)
            try host.expectTruth()
        }
    }

    @Test("A database that is being made, or filled: it goes, with its data")
    func createDatabase() async throws {
        try await LifecycleHost.run { host in
            let before = try host.manager.store.databases()
            Self.hold(host, "initialize")
            let making = Self.begin { [host] in try await host.manager.createDatabase("new", in: host.main.project) }
            let made = try await host.manager.cancel(Self.waiting(host, in: "initialize"))
            #expect(made.status == .cancelled)
            await Self.expectCancelled(making)

            Self.hold(host)
            let began = LockedFlag()
            let loading = Self.begin { [host] in
                try await host.manager.createDatabase("new", in: host.main.project) {
                    branch,
                    progress async throws(BranchError) in
                    // Nobody is led there before it is whole.
                    let status = try host.manager.store.branch(id: branch.target.id).target.lifecycleStatus
                    #expect(status == .creating)
                    progress(CopyProgress(doneBytes: 7, totalBytes: 9))
                    began.set()
                    while !Task.isCancelled { await Task.yield() }
                }
            }
            while !began.get() { await Task.yield() }
            let running = try #require(try host.manager.store.operations().first { $0.status == .running })
            #expect(running.progress == CopyProgress(doneBytes: 7, totalBytes: 9))
            #expect(try await host.manager.cancel(running).status == .cancelled)
            await Self.expectCancelled(loading)

            await #expect(throws: BranchError.runtime("no data today")) {
                try await host.manager.createDatabase("new", in: host.main.project) { _, _ throws(BranchError) in
                    throw .runtime("no data today")
                }
            }
            #expect(try host.manager.store.databases() == before)
            try host.expectTruth()
            let loaded = try await host.manager.createDatabase("new", in: host.main.project) { _, _ in }
            #expect(loaded.target.lifecycleStatus == .active)
        }
    }

    @Test("A branch that is being reset serves on, with the data it had")
    func reset() async throws {
        try await LifecycleHost.run { host in
            let dev = try host.dev()
            let data = host.runtime.state.withLock { $0.data[dev.target.id] }
            Self.hold(host, "copy")
            let reset = Self.begin { [host] in try await host.manager.reset(dev) }
            let ended = try await host.manager.cancel(Self.waiting(host, in: "copy"))
            #expect(ended.status == .cancelled && ended.message == "cancelled; the branch keeps its data")
            await Self.expectCancelled(reset)
            let after = try host.dev().target
            #expect(after.lifecycleStatus == .active && after.reason == nil)
            #expect(host.runtime.state.withLock { $0.data[dev.target.id] } == data)
            try host.expectTruth()
        }
    }

    @Test("A cancel that comes while the copy's server starts undoes it as well; a reset that far goes on")
    func late() async throws {
        try await LifecycleHost.run { host in
            Self.hold(host, "start")
            let creation = Self.begin { [host] in try await host.manager.createBranch("new", from: host.main) }
            let running = try await Self.waiting(host, in: "start")
            _ = try host.manager.store.cancel(operation: running.id)
            Self.hold(host)
            await Self.expectCancelled(creation)
            #expect(try host.manager.store.branches().count == 2)

            Self.hold(host, "start")
            let dev = try host.dev()
            let reset = Self.begin { [host] in try await host.manager.reset(dev) }
            let resetting = try await Self.waiting(host, in: "start")
            #expect(!resetting.canBeCancelled)
            let reason = try #require(resetting.uncancellable)
            #expect(throws: reason) { try host.manager.store.cancel(operation: resetting.id) }
            Self.hold(host)
            #expect(try await reset.value.target.lifecycleStatus == .active)
            try host.expectTruth()
        }
    }

    @Test("A task that is cancelled, and a command on Ctrl-C, leave nothing either")
    func task() async throws {
        try await LifecycleHost.run { host in
            Self.hold(host, "copy")
            let task = Self.begin { [host] in try await host.manager.createBranch("new", from: host.main) }
            _ = try await Self.waiting(host, in: "copy")
            task.cancel()
            await Self.expectCancelled(task)
            #expect(try host.manager.store.operations().first?.status == .cancelled)
            #expect(try host.manager.store.branches().count == 2)
            try host.expectTruth()
        }
    }

    @Test("What cannot be cancelled says why", arguments: BranchAction.allCases)
    func uncancellable(action: BranchAction) async throws {
        try await LifecycleHost.run { host in
            var operation = try #require(try host.manager.store.operations().first)
            operation.action = action
            operation.status = .running
            for step in OperationStep.allCases {
                operation.step = step.rawValue
                let early = [.registered, .copying, .copied].contains(step)
                #expect(operation.canBeCancelled == (action == .create || (action == .reset && early)), "\(step)")
            }
            for status in BranchOperation.Status.allCases where status != .running {
                operation.status = status
                #expect(!operation.canBeCancelled)
            }
            #expect(throws: BranchError.self) { try host.manager.store.cancel(operation: "op_none") }
        }
    }

    @Test("An operation that nobody runs any more is undone by who cancels it")
    func abandoned() async throws {
        try await LifecycleHost.run { host in
            try host.interrupt(.create, "dev", status: .creating)
            let left = try host.manager.store.operation(id: "op_x")
            #expect(try await host.manager.cancel(left).status == .cancelled)
            #expect(try host.manager.store.branches().map(\.target.name) == ["main"])
            try host.expectTruth()
        }
    }
}
