import Foundation
import RouteMap

/// The hostnames assigned by `frost sync`, stored beside the route map in `<route map>.names`. So branches keep their
/// names when the map is lost, or empty because there is no wildcard domain.
///
///     { "version": 1,
///       "hostnames": [
///         { "hostname": "dev.pg.shop.example.net", "targetId": "dbt_…",
///           "project": "shop", "database": "orders", "branch": "dev", "freedAt": "2026-11-23T02:00:00Z" } ] }
struct HostnameFile: Sendable {
    private static let version = 1

    let path: String

    init(routeFile: String) {
        path = "\(routeFile).names"
    }

    /// - Returns: nil if there is no file.
    /// - Throws: ``FrostSyncError`` with a fix, for an unreadable or invalid file.
    func load() throws(FrostSyncError) -> HostnameLedger? {
        let document: Document
        do {
            let decoder = JSONDecoder()
            decoder.dateDecodingStrategy = .iso8601
            document = try decoder.decode(Document.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch CocoaError.fileReadNoSuchFile {
            return nil
        } catch let error as DecodingError {
            throw fault("it is not the JSON that frost sync writes (\(error.problem))")
        } catch {
            throw fault(error.localizedDescription)
        }
        guard document.version == Self.version else { throw fault("its version is \(document.version)") }
        var entries: [Hostname: HostnameLedger.Entry] = [:]
        for name in document.hostnames {
            let hostname: Hostname
            do { hostname = try Hostname(name.hostname) } catch {
                throw fault("'\(name.hostname.prefix(300))' \(error)")
            }
            let entry = HostnameLedger.Entry(
                targetID: name.targetId,
                place: HostnameBuilder.Place(project: name.project, database: name.database, branch: name.branch),
                freedAt: name.freedAt
            )
            guard entries.updateValue(entry, forKey: hostname) == nil else {
                throw fault("'\(hostname)' is a duplicate")
            }
        }
        return HostnameLedger(entries: entries)
    }

    /// Atomically, like the route map. Blocking.
    ///
    /// - Throws: ``RouteMapWriteError``; then the old file is unchanged.
    func write(_ ledger: HostnameLedger) throws {
        let names = ledger.entries.sorted { $0.key.name < $1.key.name }.map { hostname, entry in
            Name(
                hostname: hostname.name,
                targetId: entry.targetID,
                project: entry.place.project,
                database: entry.place.database,
                branch: entry.place.branch,
                freedAt: entry.freedAt
            )
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        let data = try encoder.encode(Document(version: Self.version, hostnames: names)) + Data("\n".utf8)
        try RouteMapFile.write(data, to: path)
    }

    private func fault(_ problem: String) -> FrostSyncError {
        FrostSyncError(
            description: "the file of hostnames, \(path), is invalid: \(problem). Correct it or restore "
                + "a copy. Without one, remove it: names are then read from the route map, and assigned again if "
                + "that is missing too"
        )
    }

    private struct Document: Codable {
        var version: Int
        var hostnames: [Name]
    }

    private struct Name: Codable {
        var hostname: String
        var targetId: String
        var project: String
        var database: String
        var branch: String
        var freedAt: Date?
    }
}

extension DecodingError {
    /// The file and the problem.
    fileprivate var problem: String {
        let context: Context
        switch self {
        case .typeMismatch(_, let found), .valueNotFound(_, let found), .keyNotFound(_, let found),
            .dataCorrupted(let found):
            context = found
        @unknown default: return "\(self)"
        }
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
        return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    }
}

extension HostnameLedger {
    /// The names in a route map, from before the file of names existed.
    init(_ lists: RouteLists) {
        let named = lists.routes.map { ($0.hostname, $0.target) } + lists.stopped.map { ($0.hostname, $0.target) }
        var entries: [Hostname: Entry] = [:]
        for (hostname, target) in named {
            let place = HostnameBuilder.Place(
                project: target.project,
                database: target.database,
                branch: Slug.make(target.name)
            )
            entries[hostname] = Entry(targetID: target.id, place: place)
        }
        self.init(entries: entries)
    }
}
