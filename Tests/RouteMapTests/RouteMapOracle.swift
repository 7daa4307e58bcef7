import Foundation

@testable import RouteMap

/// What Foundation makes of a text: a second reader, which shares no line with ours.
enum RouteMapOracle {
    /// Whether `JSONSerialization` takes it for JSON.
    static func isJSON(_ data: Data) -> Bool {
        (try? JSONSerialization.jsonObject(with: data)) != nil
    }

    /// What is in a map that breaks no rule.
    static func contents(_ data: Data) throws -> RouteMapContents {
        let document = try JSONDecoder().decode(Document.self, from: data)
        return RouteMapContents(
            routes: try document.routes.map { entry in
                Route(
                    hostname: try Hostname(entry.hostname),
                    host: entry.host ?? Route.defaultHost,
                    hostPort: entry.hostPort,
                    maxConnections: entry.maxConnections,
                    isSharedAddress: entry.sharedAddress ?? false,
                    target: entry.target
                )
            },
            stopped: try (document.stopped ?? []).map {
                StoppedRoute(hostname: try Hostname($0.hostname), target: $0.target)
            },
            confirmedFor: document.validForSeconds
        )
    }

    private struct Document: Decodable {
        struct Entry: Decodable {
            var hostname: String
            var host: String?
            var hostPort: UInt16
            var maxConnections: Int?
            var sharedAddress: Bool?
            var target: Target
        }

        struct StoppedEntry: Decodable {
            var hostname: String
            var target: Target
        }

        var routes: [Entry]
        var stopped: [StoppedEntry]?
        var validForSeconds: Int?
    }
}

/// Everything that a table has, each text byte by byte: texts compare as equal that have other bytes.
struct RouteMapContents: Equatable {
    let routes: [Route]
    let stopped: [StoppedRoute]
    let confirmedFor: Int?
    let texts: [[UInt8]]

    init(routes: [Route], stopped: [StoppedRoute], confirmedFor: Int?) {
        self.routes = routes
        self.stopped = stopped
        self.confirmedFor = confirmedFor
        let targets = routes.map(\.target) + stopped.map(\.target)
        texts = targets.flatMap { [$0.id, $0.name, $0.database, $0.project] }.map { Array($0.utf8) }
    }

    init(_ table: RouteTable) {
        self.init(
            routes: table.routes,
            stopped: table.stopped,
            confirmedFor: table.confirmation?.validForSeconds
        )
    }
}
