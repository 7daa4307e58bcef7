import BranchManager
import Foundation
import FrostServer
import GatewayContract
import Logging
import RouteMap
import RouteSync

/// The result of one check.
struct HostCheck: Encodable {
    var name: String
    var ok: Bool
    /// A clause for users.
    var message: String
    /// The fix; null if nothing needs to be done.
    @OrNull var fix: String?

    init(_ name: String, _ message: String, ok: Bool = true, fix: String? = nil) {
        self.name = name
        self.ok = ok
        self.message = message
        self.fix = fix
    }
}

/// The state of a host, as ``StatusCommand`` shows it. Checks everything and changes nothing.
struct HostStatus {
    /// Below these limits, copies soon fail.
    private static let leastFree = 1_000_000_000
    private static let leastPorts = 10
    /// Longer than the gateway takes to load a certificate that was issued.
    private static let certificateWait = Duration.seconds(5)
    private static let certificateLook = Duration.milliseconds(500)

    private let options: FrostOptions
    private let store: BranchStore
    private let directory: String

    init(_ options: FrostOptions, _ store: BranchStore) {
        self.options = options
        self.store = store
        directory = URL(fileURLWithPath: options.dataDirectory).standardizedFileURL.path
    }

    /// - Throws: ``BranchError/store(_:)`` when the store cannot be read.
    func checks() async throws -> [HostCheck] {
        let branches = try store.branches()
        let report = try await report()
        return [
            up(UpLock.isHeld(in: directory)), gateway(report), certificates(report), try await dns(branches),
            try await routeMap(),
            state(branches), expiry(branches),
            await runtimes(branches), disk(), try ports(branches), try operations(),
        ]
    }

    /// The gateway's report. Waits a moment for a certificate: the gateway loads a new one some seconds after it was
    /// issued, and a command that made a project may have ended just now.
    private func report() async throws -> GatewayReport {
        let end = ContinuousClock.now + Self.certificateWait
        while true {
            let report = try GatewayReport(try await GatewayLook.condition(store, in: directory), store)
            if report.uncovered.isEmpty || ContinuousClock.now >= end { return report }
            try await Task.sleep(for: Self.certificateLook)
        }
    }

    private func up(_ isRunning: Bool) -> HostCheck {
        isRunning
            ? HostCheck("frost up", "is running: it restarts servers and serves the page")
            : HostCheck(
                "frost up",
                "is not running: servers that end stay down, and the page is not served",
                ok: false,
                fix: options.command("up")
            )
    }

    private func gateway(_ report: GatewayReport) -> HostCheck {
        if let trouble = report.trouble {
            return HostCheck("gateway", trouble.clause, ok: false, fix: trouble.nextStep?.line)
        }
        guard let sessions = report.condition.sessions else {
            return HostCheck("gateway", "is disabled; branches accept connections from this host only")
        }
        let count = sessions.values.reduce(0, +)
        return HostCheck("gateway", "on port \(report.port), \(count) \(count == 1 ? "session" : "sessions")")
    }

    private func certificates(_ report: GatewayReport) -> HostCheck {
        guard report.condition.answer != nil else {
            return HostCheck(
                "certificates",
                "unknown: the gateway does not report its certificates",
                ok: report.trouble == nil
            )
        }
        guard report.uncovered.isEmpty else {
            let names = report.uncovered.prefix(5).joined(separator: ", ")
            let more = report.uncovered.count > 5 ? " and \(report.uncovered.count - 5) more" : ""
            return HostCheck(
                "certificates",
                "none covers \(names)\(more)",
                ok: false,
                fix: "get certificates for \(report.wanted.joined(separator: ", ")); see docs/certificates.md"
            )
        }
        let soon = report.certificates.filter { $0.validity != .valid }
        guard let first = soon.first else {
            let ends = report.certificates.compactMap(\.document.validUntil).min()
            let until = ends.map { ", the first expires \($0.formatted(.iso8601.year().month().day()))" } ?? ""
            return HostCheck("certificates", "all \(report.hostnames) hostnames are covered\(until)")
        }
        return HostCheck(
            "certificates",
            "\(first.document.file) expires soon, or is not valid: until \(first.document.notAfter)",
            ok: false,
            fix: "renew it; see docs/certificates.md"
        )
    }

    private func dns(_ branches: [BranchDetails]) async throws -> HostCheck {
        guard let base = try store.wildcardBase(), let name = branches.compactMap(\.target.hostname).first else {
            return HostCheck("DNS", "no branch has a hostname")
        }
        let found = await WildcardPreview.resolution(of: name, base)
        // Behind NAT or a load balancer, the address belongs to another host.
        let isWell = found.kind == .thisHost || found.kind == .elsewhere
        return HostCheck(
            "DNS",
            found.sentence,
            ok: isWell,
            fix: isWell ? nil : "point the DNS record *.\(base) at this host"
        )
    }

    private func routeMap() async throws -> HostCheck {
        let path = try store.routeFile() ?? "\(directory)/routes.json"
        let sync = RouteSync(store: store, path: path, logger: Logger(label: "routes") { _ in ErrorLogHandler() })
        let fix = options.command("recover")
        let table: RouteTable
        do {
            table = try RouteMapFile.load(path: path)
        } catch {
            return HostCheck("route map", "\(path) is invalid: \(error)", ok: false, fix: fix)
        }
        guard try await sync.isCurrent() else {
            return HostCheck("route map", "\(path) does not match frost's state", ok: false, fix: fix)
        }
        let written = (try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date) ?? nil
        let age = written.map { ", written \($0.formatted(.iso8601))" } ?? ""
        return HostCheck("route map", "\(path), \(table.count) hostnames\(age)")
    }

    private func state(_ branches: [BranchDetails]) -> HostCheck {
        let running = branches.count { $0.target.lifecycleStatus == .active }
        let failed = branches.filter(\.target.hasFailed)
        guard let first = failed.first else {
            return HostCheck("branches", "\(running) of \(branches.count) run")
        }
        let names = failed.prefix(5).map(\.displayName).joined(separator: ", ")
        return HostCheck(
            "branches",
            "failed: \(names) (\(first.target.reason ?? ""))",
            ok: false,
            fix: options.command("branch logs \(first.displayName)")
        )
    }

    /// Branches about to be deleted are not a problem, but are listed.
    private func expiry(_ branches: [BranchDetails]) -> HostCheck {
        let expired = branches.filter { $0.deletesAt != nil }.sorted { ($0.deletesAt ?? .now) < ($1.deletesAt ?? .now) }
        guard let first = expired.first else {
            let count = branches.count { $0.expiry != nil }
            return HostCheck("expiry", count == 0 ? "no branch expires" : "\(count) can expire; none has")
        }
        let names = expired.prefix(5).map { branch in
            "\(branch.displayName) (\(branch.deletesAt?.formatted(.iso8601) ?? ""))"
        }
        let more = expired.count > 5 ? " and \(expired.count - 5) more" : ""
        return HostCheck(
            "expiry",
            "expired, will be deleted unless started: \(names.joined(separator: ", "))\(more)",
            fix: options.command("branch start \(first.displayName)")
        )
    }

    private func runtimes(_ branches: [BranchDetails]) async -> HostCheck {
        var parts: [String] = []
        do throws(BranchError) {
            let versions = try await PostgresInstallations.find(options.postgresPrograms).all().map { String($0.major) }
            parts.append("PostgreSQL \(versions.joined(separator: ", "))")
        } catch {
            if branches.contains(where: { $0.target.runtime == .local }) {
                return HostCheck("runtimes", "\(error)", ok: false, fix: "apt-get install postgresql")
            }
            parts.append("no PostgreSQL on this host")
        }
        if let container = branches.first(where: { $0.target.runtime == .docker }) {
            do throws(BranchError) {
                try await FrostContext.runtime(of: container, options, store).checkAvailable()
                parts.append("Docker is available")
            } catch {
                return HostCheck("runtimes", "\(error)", ok: false, fix: "systemctl status docker")
            }
        }
        return HostCheck("runtimes", parts.joined(separator: "; "))
    }

    private func disk() -> HostCheck {
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: directory)
        guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.intValue,
            let size = (attributes?[.systemSize] as? NSNumber)?.intValue
        else { return HostCheck("disk", "could not query the file system of \(directory)", ok: false) }
        let isWell = free >= Self.leastFree && free >= size / 20
        return HostCheck(
            "disk",
            "\(ByteCount.text(free)) of \(ByteCount.text(size)) free at \(directory)",
            ok: isWell,
            fix: isWell ? nil : "delete branches, or enlarge the file system"
        )
    }

    private func ports(_ branches: [BranchDetails]) throws -> HostCheck {
        let range = try options.hostPortRange()
        let used = Set(branches.map(\.target.hostPort)).count { range.contains($0) }
        let isWell = range.count - used >= Self.leastPorts
        return HostCheck(
            "ports",
            "\(used) of \(range.count) used (\(range.lowerBound)-\(range.upperBound))",
            ok: isWell,
            fix: isWell ? nil : "allow more with --host-ports"
        )
    }

    private func operations() throws -> HostCheck {
        let unfinished = try store.operations().filter { $0.status == .running }
        guard let last = unfinished.last else { return HostCheck("operations", "none unfinished") }
        let what = "\(last.action.rawValue) of \(last.targetName ?? last.targetId)"
        let since = last.startedAt.formatted(.iso8601)
        // A running operation is not a problem; the next command recovers an interrupted one.
        let isOld = last.startedAt < .now.addingTimeInterval(-3_600)
        return HostCheck(
            "operations",
            "\(unfinished.count) unfinished; the oldest is \(what), since \(since)",
            ok: !isOld,
            fix: isOld ? options.command("recover") : nil
        )
    }
}
