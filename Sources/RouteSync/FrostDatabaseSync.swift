import BranchManager
import Foundation
package import Logging
import RouteMap

/// An error that prevents writing the route map of a Frost installation, other than one of its database.
package struct FrostSyncError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// Keeps a route map up to date with the database of a Frost installation: reads, asks a ``SyncMachine``, writes. Runs
/// on its own thread.
package actor FrostDatabaseSync {
    /// Interval of checks of the database.
    package static let interval = Duration.milliseconds(300)

    /// Events to report.
    package enum Event: Hashable, Sendable {
        /// At the start, and when the Frost installation was replaced.
        case found(FrostInstallation)
        /// A map with changes.
        case written(active: Int, stopped: Int)
    }

    private let executor = BlockingExecutor("frost sync")
    private let databasePath: String
    private let routeFile: String
    private let names: HostnameFile
    private let cover: Cover?
    private let logger: Logger

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Issues certificates for hostnames. Called on sync's own thread, and may block: before a map is written, so that
    /// no hostname is without a certificate, and after each look.
    ///
    /// - Parameters:
    ///   - hostnames: of active and stopped branches.
    ///   - areAll: whether these are all, so that certificates of other names can be removed.
    package typealias Cover = @Sendable (_ hostnames: Set<String>, _ areAll: Bool) -> Void

    /// - Parameter cover: nil if sync does not manage certificates.
    package init(databasePath: String, routeFile: String, logger: Logger, cover: Cover? = nil) {
        self.databasePath = databasePath
        self.routeFile = routeFile
        self.names = HostnameFile(routeFile: routeFile)
        self.cover = cover
        self.logger = logger
    }

    /// Writes the route map once. The gateway trusts it for ``SyncMachine/validity`` seconds.
    ///
    /// - Returns: the numbers of active and stopped routes.
    /// - Throws: ``FrostDatabaseError``, ``FrostSyncError``, ``RouteFileLockError``, ``RouteMapError`` or
    ///   ``RouteMapWriteError``; then the old file is unchanged. `CancellationError` for a cancelled task.
    @discardableResult
    package func writeOnce() async throws -> (active: Int, stopped: Int) {
        let lock = try SyncLock(routeFile)
        defer { withExtendedLifetime(lock) {} }
        var run = try start()
        run.machine.lost()
        var told = Told()
        // The second look confirms removals of the first; the third, changes between them.
        for look in 1...3 where look == 1 || run.machine.isPending {
            if look > 1 { try await Task.sleep(for: Self.interval) }
            try await self.look(&run, &told) { _ in }
        }
        covered(run)
        let lists = run.machine.inForce ?? .empty
        return (lists.routes.count, lists.stopped.count)
    }

    /// Follows the database until the task is cancelled, even if the file is replaced. Retries after errors, and logs
    /// their start and end. During an error, the map is not confirmed.
    ///
    /// - Throws: ``RouteFileLockError`` at once when another sync writes the route map.
    package func run(_ report: @Sendable (Event) -> Void) async throws(RouteFileLockError) {
        var lock: SyncLock?
        var run: Run?
        var told = Told()
        while !Task.isCancelled {
            do {
                if lock == nil { lock = try SyncLock(routeFile) }
                var current = try run ?? start()
                defer { run = current }
                try await look(&current, &told, report)
                if told.fault != nil {
                    logger.notice("recovered; updating the route map again")
                    told.fault = nil
                }
            } catch is CancellationError {
                break
            } catch let error as RouteFileLockError where error.isKept {
                throw error
            } catch {
                if told.fault != "\(error)" {
                    logger.error(
                        "could not update the route map; retrying. The gateway refuses new connections if it is not confirmed for \(SyncMachine.validity) s",
                        metadata: ["error": "\(error)"]
                    )
                    told.fault = "\(error)"
                }
            }
            if let run { covered(run) }
            try? await Task.sleep(for: Self.interval)
        }
        withExtendedLifetime(lock) {}
    }

    /// State kept between two looks.
    private struct Run {
        var machine: SyncMachine
        /// The database's identity at the last read; nil to read it in any case.
        var seen: DatabaseIdentity?
        var contents: FrostContents?
        /// The content of the file of names; nil while there is none.
        var namesInFile: HostnameLedger?
    }

    /// Problems already reported.
    private struct Told {
        var fault: String?
        var problems: Set<String> = []
        var migration: String??
    }

    private func look(_ run: inout Run, _ told: inout Told, _ report: (Event) -> Void) async throws {
        let now = Date.now
        let identity = DatabaseIdentity(databasePath)
        if run.contents == nil || run.seen != identity {
            // Before the read, so that the next look sees later writes.
            run.seen = identity.isSettled(at: now) ? identity : nil
            run.contents = nil
            do {
                run.contents = try FrostDatabase.read(databasePath)
            } catch {
                _ = run.machine.looked(.fault, at: now)
                throw error
            }
        }
        guard let contents = run.contents else { return }
        if told.migration != .some(contents.installation.migration) {
            told.migration = .some(contents.installation.migration)
            report(.found(contents.installation))
        }
        // Otherwise a gateway started meanwhile would have no routes, and the next sync no names.
        if FileIdentity(names.path) == nil { run.namesInFile = nil }
        if FileIdentity(routeFile) == nil || run.namesInFile == nil { run.machine.lost() }
        let write = run.machine.looked(.contents(contents), at: now)
        for problem in run.machine.problems where !told.problems.contains(problem) { logger.warning("\(problem)") }
        told.problems = Set(run.machine.problems)
        guard let write else { return }
        cover?(Set(write.lists.hostnames.union(run.machine.inForce?.hostnames ?? []).map(\.name)), false)
        try await put(write, namesInFile: &run.namesInFile)
        run.machine.wrote(write)
        if write.isChange {
            report(.written(active: write.lists.routes.count, stopped: write.lists.stopped.count))
        } else {
            logger.debug("route map confirmed")
        }
    }

    /// Certificates of the current map; without one, it is unknown which can be removed.
    private func covered(_ run: Run) {
        cover?(Set((run.machine.inForce ?? .empty).hostnames.map(\.name)), run.machine.inForce != nil)
    }

    /// Writes the names first, so that a map never contains a name that is not stored.
    private func put(_ write: SyncMachine.Write, namesInFile: inout HostnameLedger?) async throws {
        try await RouteFileLock.with(routeFile) {
            if write.ledger != namesInFile {
                try names.write(write.ledger)
                namesInFile = write.ledger
            }
            let data = try RouteMapFile.encode(
                routes: write.lists.routes,
                stopped: write.lists.stopped,
                generatedAt: write.confirmedAt,
                confirmation: RouteMapConfirmation(
                    confirmedAt: write.confirmedAt,
                    validForSeconds: SyncMachine.validity
                )
            )
            try RouteMapFile.write(data, to: routeFile)
        }
    }

    /// The result of a write, without writing. Blocking work runs on its own thread.
    ///
    /// - Throws: the errors of ``writeOnce()``.
    package func outlook() async throws -> FrostOutlook {
        let contents = try FrostDatabase.read(databasePath)
        var machine = try start().machine
        // A removal takes effect when the next look confirms it.
        for _ in 0..<2 {
            if let write = machine.looked(.contents(contents), at: .now) { machine.wrote(write) }
        }
        let lists = machine.inForce ?? .empty
        return FrostOutlook(
            installation: contents.installation,
            active: lists.routes.count,
            stopped: lists.stopped.count,
            problems: machine.problems
        )
    }

    /// The state from the files. Without a file of names, uses those of the map; then an unreadable map is an error,
    /// since newly assigned names would route clients elsewhere.
    private func start() throws -> Run {
        let ledger = try names.load()
        let table: RouteTable?
        do {
            table = try RouteMapFile.load(path: routeFile)
        } catch {
            guard error.isMissingFile || ledger != nil else {
                let fault = "\(error)".contains(routeFile) ? "\(error)" : "\(routeFile): \(error)"
                throw FrostSyncError(
                    description:
                        "\(fault); branches keep the hostnames in it: correct it, or remove it to assign new ones"
                )
            }
            table = nil
        }
        let lists = table.map(RouteLists.init)
        let machine = SyncMachine(
            ledger: ledger ?? HostnameLedger(lists ?? .empty),
            inForce: lists,
            confirmedAt: table?.confirmation?.confirmedAt
        )
        return Run(machine: machine, namesInFile: ledger)
    }
}
