import BranchManager
import Foundation
import FrostPages
import GatewayContract

/// The page of the gateway.
extension PageContent {
    /// - Parameter query: `branch` for the charts of one branch, and `all=1` for a table of all branches.
    /// - Throws: ``BranchError/notFound`` for a branch that is not there.
    func gateway(query: [String: String]) async throws -> GatewayPageView {
        let shown = try query["branch"].map { try state.store.branch(id: $0) }
        let condition = try await state.gateway.condition()
        let history = await state.recorder.history
        let settings = try ServerSettings(state.store)
        let report = try GatewayReport(condition, state.store)
        let names = Dictionary(
            try state.store.branches().map { ($0.target.id, "\($0.database.name) / \($0.target.name)") }
        ) { first, _ in first }
        let id = shown?.target.id
        return GatewayPageView(
            shell: try shell(gateway: condition),
            gateway: summary(settings, report),
            branch: id.map { Choice(value: $0, title: names[$0] ?? $0) },
            figures: Self.figures(condition, history, of: id),
            kept: Self.kept(history),
            charts: GatewayCharts(history: history, branch: id).all,
            branches: Self.branches(condition, history, names, isWhole: query["all"] == "1"),
            refusals: Self.refusals(report, names, of: id),
            limits: Self.limits(report, names),
            certificates: condition.answer == nil ? nil : certificates(report)
        )
    }

    /// - Parameter branch: nil for all.
    private static func figures(
        _ condition: GatewayCondition,
        _ history: GatewayHistory,
        of branch: String?
    ) -> [GatewayFigure] {
        let total = history.total(of: branch)
        let sessions = condition.sessions.map { counts in
            branch.map { counts[$0] ?? 0 } ?? counts.values.reduce(0, +)
        }
        var figures = [
            GatewayFigure("sessions", "Sessions now", sessions.map(String.init) ?? "Unknown"),
            GatewayFigure("connections", "Connections", ChartUnit.number(total.connections)),
        ]
        if branch == nil {
            let refused = history.outcomes.filter { RefusalText.titles[$0.key] != nil }.values.reduce(0, +)
            figures.append(GatewayFigure("refusals", "Refusals", ChartUnit.number(refused)))
            figures.append(
                GatewayFigure("handshakes", "Failed handshakes", ChartUnit.number(history.failedHandshakes))
            )
        } else {
            figures.append(GatewayFigure("logins", "Failed logins", ChartUnit.number(total.failedLogins)))
            figures.append(GatewayFigure("dials", "Server unreachable", ChartUnit.number(total.dialErrors)))
        }
        return figures + [
            GatewayFigure("bytes-in", "From clients", ChartUnit.bytes(total.bytesIn)),
            GatewayFigure("bytes-out", "To clients", ChartUnit.bytes(total.bytesOut)),
        ]
    }

    /// Since when frost has looked, and where it has heard nothing.
    private static func kept(_ history: GatewayHistory) -> String {
        guard let begin = history.begin else { return "Frost has no measurements of the last hour yet." }
        var sentences: [String] = []
        if begin > history.now - GatewayHistory.length + GatewayHistory.columnLength {
            sentences.append("Measured every \(GatewayHistory.interval) seconds since \(time(begin)).")
        } else {
            sentences.append("Totals are of the last hour, measured every \(GatewayHistory.interval) seconds.")
        }
        let restarts = history.restarts
        let unknown = history.isKnown().suffix(history.now - begin + 1).count { !$0 } - restarts.count
        let missing = unknown * GatewayHistory.interval
        if missing >= 60 {
            sentences.append("There is no data for \(missing / 60) min of this time.")
        } else if missing > 0 {
            sentences.append("There is no data for \(missing) s of this time.")
        }
        if let last = restarts.last {
            let times = restarts.count == 1 ? "" : "\(restarts.count) times, last "
            sentences.append("The gateway restarted \(times)at \(time(last)).")
        }
        return sentences.joined(separator: " ")
    }

    /// Of a tick: "14:05 UTC".
    private static func time(_ tick: Int) -> String {
        let date = Date(timeIntervalSince1970: Double(tick * GatewayHistory.interval))
        return "\(date.formatted(.iso8601.time(includingFractionalSeconds: false).timeSeparator(.colon)).prefix(5)) UTC"
    }

    /// The busiest first.
    private static func branches(
        _ condition: GatewayCondition,
        _ history: GatewayHistory,
        _ names: [String: String],
        isWhole: Bool
    ) -> GatewayBranchesView {
        let busy = history.busyBranches.map { id in
            (id: id, sessions: condition.sessions.map { $0[id] ?? 0 }, total: history.total(of: id))
        }
        .sorted {
            ($1.sessions ?? 0, $1.total.connections, $1.total.bytesOut, $0.id)
                < ($0.sessions ?? 0, $0.total.connections, $0.total.bytesOut, $1.id)
        }
        let idle = names.keys.count { id in !busy.contains { $0.id == id } }
        let rest: String? =
            if history.leavesBranchesOut {
                "Frost keeps the last hour of \(GatewayHistory.maximumBranches) branches; others are only in the totals."
            } else if busy.isEmpty {
                "No branch had a connection in the last hour."
            } else if idle > 0 {
                idle == 1 ? "1 branch had no connection." : "\(idle) branches had no connection."
            } else {
                nil
            }
        let rows = busy.prefix(isWhole ? busy.count : GatewayBranchesView.most).map { id, sessions, total in
            GatewayBranchesView.Row(
                id: id,
                name: names[id] ?? "a branch that is gone",
                href: names[id].map { _ in "/gateway?branch=\(id)" },
                sessions: sessions.map(String.init) ?? "Unknown",
                connections: ChartUnit.number(total.connections),
                errors: ChartUnit.number(total.dialErrors + total.failedLogins),
                bytesIn: ChartUnit.bytes(total.bytesIn),
                bytesOut: ChartUnit.bytes(total.bytesOut),
                sparkline: Sparkline.svg(history.peaks(of: id))
            )
        }
        return GatewayBranchesView(rows: rows, of: busy.count, rest: rest)
    }

    private static func refusals(
        _ report: GatewayReport,
        _ names: [String: String],
        of branch: String?
    ) -> [RefusalRow] {
        report.refusals.filter { branch == nil || $0.target == branch }.map { refusal in
            RefusalRow(
                code: refusal.reason,
                reason: RefusalText.title(refusal.reason),
                branch: refusal.target.flatMap { id in names[id].map { Choice(value: id, title: $0) } },
                hostname: refusal.hostname,
                count: String(refusal.count),
                last: moment(Date.now.addingTimeInterval(-Double(refusal.ageSeconds))),
                hint: refusal.hint
            )
        }
    }

    private static func limits(_ report: GatewayReport, _ names: [String: String]) -> [LimitRow] {
        report.limits.map { limit in
            // An owner that is no branch is an address, and stays with those who may see addresses.
            let owner = limit.of.map { ", for \(names[$0] ?? "one address")" } ?? ""
            return LimitRow(
                variable: limit.variable,
                text: "\(limit.used) of \(limit.maximum)\(owner)",
                dot: limit.used >= limit.maximum
                    ? StatusDot(status: "failed", text: "Reached") : StatusDot(status: "waiting", text: "Near")
            )
        }
    }
}
