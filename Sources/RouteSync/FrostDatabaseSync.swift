import BranchManager
import Foundation
package import Logging
import RouteMap

/// What stops the route map of a Frost installation from being written, beside its database.
package struct FrostSyncError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// Keeps a route map as the database of a Frost installation says: looks, asks a ``SyncMachine``, writes. On a thread
/// of its own.
package actor FrostDatabaseSync {
    /// Between two looks at the database.
    package static let interval = Duration.milliseconds(300)

    /// What there is to tell.
    package enum Event: Hashable, Sendable {
        /// At the start, and when another Frost is found.
        case found(FrostInstallation)
        /// A map that says something new.
        case written(active: Int, stopped: Int)
    }

    private let executor = BlockingExecutor("frost sync")
    private let databasePath: String
    private let routeFile: String
    private let names: HostnameFile
    private let cover: Cover?
    private let logger: Logger

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Sees to it that certificates cover hostnames. Called on sync's own thread, and may block: before a map is written,
    /// so that nobody finds a hostname without a certificate, and after each look.
    ///
    /// - Parameters:
    ///   - hostnames: of active and stopped branches.
    ///   - areAll: whether there are no others, so that certificates of other names may go.
    package typealias Cover = @Sendable (_ hostnames: Set<String>, _ areAll: Bool) -> Void

    /// - Parameter cover: nil where certificates are somebody else's.
    package init(databasePath: String, routeFile: String, logger: Logger, cover: Cover? = nil) {
        self.databasePath = databasePath
        self.routeFile = routeFile
        self.names = HostnameFile(routeFile: routeFile)
        self.cover = cover
        self.logger = logger
    }

    /// Writes the route map once. The gateway trusts it for ``SyncMachine/validity`` seconds.
    ///
    /// - Returns: how many routes there are, active and stopped.
    /// - Throws: ``FrostDatabaseError``, ``FrostSyncError``, ``RouteFileLockError``, ``RouteMapError`` or
    ///   ``RouteMapWriteError``; the old file is untouched then. `CancellationError` for a task that is cancelled.
    @discardableResult
    package func writeOnce() async throws -> (active: Int, stopped: Int) {
        let lock = try SyncLock(routeFile)
        defer { withExtendedLifetime(lock) {} }
        var run = try start()
        run.machine.lost()
        var told = Told()
        // What the first leaves open the second decides; what has changed between them, the third.
        for look in 1...3 where look == 1 || run.machine.isPending {
            if look > 1 { try await Task.sleep(for: Self.interval) }
            try await self.look(&run, &told) { _ in }
        }
        covered(run)
        let lists = run.machine.inForce ?? .empty
        return (lists.routes.count, lists.stopped.count)
    }

    /// Follows the database until the task is cancelled, whatever is put in its place. A fault is tried again, and
    /// logged twice: when it comes and when it is over. While it lasts the map is not confirmed.
    ///
    /// - Throws: ``RouteFileLockError`` at once when another sync keeps the route map.
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

    /// What is known between two looks.
    private struct Run {
        var machine: SyncMachine
        /// As of when the database was read; nil when it is read whether it has changed or not.
        var seen: DatabaseIdentity?
        var contents: FrostContents?
        /// What the file of names says; nil while there is none.
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
            // Before it is read: what is written meanwhile is seen by the next look.
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
        // A gateway that is started meanwhile would have no routes; the next sync would have no names.
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

    /// Certificates of the map in force; without one, nobody knows which may go.
    private func covered(_ run: Run) {
        cover?(Set((run.machine.inForce ?? .empty).hostnames.map(\.name)), run.machine.inForce != nil)
    }

    /// The names first: a map never has one that is not remembered.
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

    /// What a write would say, without one. Blocking work on a thread of its own.
    ///
    /// - Throws: as ``writeOnce()``.
    package func outlook() async throws -> FrostOutlook {
        let contents = try FrostDatabase.read(databasePath)
        var machine = try start().machine
        // What one look would take away goes when the next agrees.
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

    /// As the files say. Where there are no names yet, those of the map are; a map that cannot be read then is a fault,
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
