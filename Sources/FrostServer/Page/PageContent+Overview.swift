import BranchManager
import FrostPages
import RouteMap

/// The tables of the overview.
extension PageContent {
    func overview(_ gateway: GatewayCondition, _ settings: ServerSettings) async throws -> [OverviewProject] {
        let branches = try state.store.branches()
        let facts = await state.facts.known(of: branches)
        let byDatabase = Dictionary(grouping: branches) { $0.database.id }
        let names = Dictionary(uniqueKeysWithValues: branches.map { ($0.target.id, $0.target.name) })
        let databases = Dictionary(grouping: try state.store.databases()) { $0.projectId }
        let base = settings.wildcardBase.flatMap { try? Hostname($0) }
        return try state.store.projects().map { project in
            let zone = base.map { HostnameBuilder.zone(ofProject: project.name, id: project.id, base: $0) }
            return OverviewProject(
                id: project.id,
                name: project.name,
                databases: (databases[project.id] ?? []).map { database in
                    OverviewDatabase(
                        id: database.id,
                        name: database.name,
                        branches: (byDatabase[database.id] ?? []).map { row($0, names, gateway, facts[$0.target.id]) },
                        zone: zone
                    )
                },
                zone: zone
            )
        }
    }

    /// - Parameters:
    ///   - names: of all branches, by id.
    ///   - facts: nil while unknown.
    private func row(
        _ branch: BranchDetails,
        _ names: [String: String],
        _ gateway: GatewayCondition,
        _ facts: ServerFacts?
    ) -> BranchRow {
        let target = branch.target
        let source = target.sourceTargetId.flatMap { id in names[id].map { Choice(value: id, title: $0) } }
        return BranchRow(
            id: target.id,
            name: target.name,
            databaseId: branch.database.id,
            status: Self.status(target),
            statusText: Self.statusText(target),
            reason: target.reason ?? Self.expiry(of: branch)?.deletion,
            hostname: target.hostname,
            isUncovered: target.hostname.map { gateway.leavesUncovered($0) } ?? false,
            source: source,
            sessions: gateway.sessions.map { $0[target.id] ?? 0 },
            size: facts.map { ByteCount.text($0.size) },
            createdAt: Self.moment(target.createdAt)
        )
    }
}
