import BranchManager

/// Facts from branches' servers for their pages. Queries each running server at most once per interval, not on the
/// threads that render pages.
actor ServerFactsWatch {
    /// How long an answer is cached.
    private static let lifetime = Duration.seconds(30)
    /// How long a page waits for a server; a later answer is on the next page.
    private static let timeout = Duration.seconds(1)
    /// How long an answer is cached for a table of many branches.
    private static let tableLifetime = Duration.seconds(60)
    /// Concurrent queries for a table.
    private static let atATime = 2
    /// After this time, facts of a branch are forgotten.
    private static let kept = Duration.seconds(600)

    private struct Answer {
        var at: ContinuousClock.Instant
        var facts: ServerFacts?
    }

    private let ask: @Sendable (BranchDetails) async -> ServerFacts?
    private var known: [String: Answer] = [:]
    /// Pages that wait for a query, by branch and then by number.
    private var waiting: [String: [Int: CheckedContinuation<ServerFacts?, Never>]] = [:]
    private var number = 0
    /// Branches of a table still to be queried.
    private var queue: [BranchDetails] = []
    private var queued: Set<String> = []
    private var askers = 0

    init(_ ask: @escaping @Sendable (BranchDetails) async -> ServerFacts?) {
        self.ask = ask
    }

    /// At most ``lifetime`` old; nil while unknown.
    func facts(of branch: BranchDetails) async -> ServerFacts? {
        let id = branch.target.id
        guard branch.target.lifecycleStatus == .active else { return nil }
        if let answer = known[id], ContinuousClock.now - answer.at < Self.lifetime { return answer.facts }
        if waiting[id] == nil {
            waiting[id] = [:]
            Task(executorPreference: BlockingWork.executor) { await self.remember(await self.ask(branch), of: id) }
        }
        number += 1
        let place = number
        return await withCheckedContinuation { continuation in
            waiting[id, default: [:]][place] = continuation
            Task(executorPreference: BlockingWork.executor) {
                try? await Task.sleep(for: Self.timeout)
                await self.giveUp(place, of: id)
            }
        }
    }

    /// The known facts of branches, by id. Queries servers with unknown or outdated facts, a few at a time, for a later
    /// page.
    func known(of branches: [BranchDetails]) -> [String: ServerFacts] {
        let now = ContinuousClock.now
        let running = branches.filter { $0.target.lifecycleStatus == .active }
        for branch in running where waiting[branch.target.id] == nil {
            let isKnown = known[branch.target.id].map { now - $0.at < Self.tableLifetime } ?? false
            if !isKnown, queued.insert(branch.target.id).inserted { queue.append(branch) }
        }
        while askers < min(Self.atATime, queue.count) {
            askers += 1
            Task(executorPreference: BlockingWork.executor) { await self.askQueued() }
        }
        return running.reduce(into: [:]) { facts, branch in facts[branch.target.id] = known[branch.target.id]?.facts }
    }

    private func askQueued() async {
        while !queue.isEmpty {
            let branch = queue.removeFirst()
            remember(await ask(branch), of: branch.target.id)
            queued.remove(branch.target.id)
        }
        askers -= 1
    }

    private func remember(_ facts: ServerFacts?, of id: String) {
        let now = ContinuousClock.now
        known = known.filter { now - $0.value.at < Self.kept }
        known[id] = Answer(at: now, facts: facts)
        for continuation in (waiting.removeValue(forKey: id) ?? [:]).values { continuation.resume(returning: facts) }
    }

    private func giveUp(_ place: Int, of id: String) {
        // Keep the older answer.
        waiting[id]?.removeValue(forKey: place)?.resume(returning: known[id]?.facts)
    }
}
