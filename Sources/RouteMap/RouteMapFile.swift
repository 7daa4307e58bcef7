package import Foundation

/// A fault of a route map, with the key or the line where it is.
package struct RouteMapError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path of the key, e.g. `routes[3].hostPort`; empty when the fault is the whole file's.
    package var key: String
    package var problem: String
    /// There is no such file, as before the first map is written.
    package var isMissingFile = false
    /// The file could not be read, for a reason that may pass.
    package var isReadFailure = false

    package init(key: String, problem: String) {
        self.key = key
        self.problem = problem
    }

    package var description: String {
        key.isEmpty ? problem : "\(key): \(problem)"
    }
}

/// The route map as it stands in its file: UTF-8 JSON, version 1 (see `docs/route-map.md`).
package enum RouteMapFile {
    /// The only version that is understood.
    package static let version = 1

    /// Largest file that is read, in bytes; 100,000 routes need about 25 MB.
    package static let maximumSize = 256 * 1_024 * 1_024

    /// Reads and checks a route map file. Blocking: never call it on an event loop.
    ///
    /// - Throws: ``RouteMapError`` for a file that is missing, unreadable, too large or breaks a rule.
    package static func load(path: String) throws(RouteMapError) -> RouteTable {
        let data: Data
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            if let size = attributes[.size] as? Int, size > maximumSize {
                throw RouteMapError(key: "", problem: "\(path) has \(size) bytes; at most \(maximumSize) are read")
            }
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch let error as RouteMapError {
            throw error
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            var missing = RouteMapError(key: "", problem: "\(path) does not exist")
            missing.isMissingFile = true
            throw missing
        } catch {
            var failure = RouteMapError(key: "", problem: "\(path) cannot be read: \(error.localizedDescription)")
            failure.isReadFailure = true
            throw failure
        }
        return try parse(data)
    }

    /// Checks the text of a route map. Unknown keys are ignored, an unknown version is an error.
    ///
    /// - Throws: ``RouteMapError`` that names the key at fault, or the place where the JSON breaks.
    package static func parse(_ data: Data) throws(RouteMapError) -> RouteTable {
        if let table = scan(data) { return table }
        return try decode(data)
    }

    /// Reads a good route map the fast way; nil for one that has to be decoded, good or not.
    static func scan(_ data: Data) -> RouteTable? {
        data.withUnsafeBytes { bytes in
            var scanner = RouteMapScanner(bytes.bindMemory(to: UInt8.self))
            return try? scanner.table()
        }
    }

    /// Reads any route map, and finds the fault of what is none.
    ///
    /// - Throws: ``RouteMapError`` that names the key at fault, or the place where the JSON breaks.
    static func decode(_ data: Data) throws(RouteMapError) -> RouteTable {
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: data)
        } catch let error as DecodingError {
            throw RouteMapError(decoding: error)
        } catch {
            throw RouteMapError(key: "", problem: "is not JSON: \(error.localizedDescription)")
        }
        guard document.version == version else {
            throw RouteMapError(key: "version", problem: "\(document.version) is not known; only \(version) is")
        }
        var routes: [Route] = []
        routes.reserveCapacity(document.routes.count)
        for (index, entry) in document.routes.enumerated() {
            routes.append(try entry.route(at: "routes[\(index)]"))
        }
        var stopped: [StoppedRoute] = []
        for (index, entry) in (document.stopped ?? []).enumerated() {
            stopped.append(try entry.route(at: "stopped[\(index)]"))
        }
        return try RouteTable(routes: routes, stopped: stopped)
    }

    fileprivate static func hostname(
        _ text: String,
        key: @autoclosure () -> String
    ) throws(RouteMapError) -> Hostname {
        do {
            return try Hostname(text)
        } catch {
            throw RouteMapError(key: key(), problem: "'\(text.prefix(Hostname.maximumLength))' \(error)")
        }
    }
}

private struct Document: Decodable {
    var version: Int
    var routes: [RouteEntry]
    var stopped: [StoppedEntry]?

    private enum CodingKeys: CodingKey {
        case version
        case routes
        case stopped
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        version = try container.decode(Int.self, forKey: .version)
        // The rest of an unknown version may look different: its number is the fault to tell.
        guard version == RouteMapFile.version else {
            routes = []
            return
        }
        routes = try container.decode([RouteEntry].self, forKey: .routes)
        stopped = try container.decodeIfPresent([StoppedEntry].self, forKey: .stopped)
    }
}

/// An element of `stopped` as JSON has it, before the rules are checked.
struct StoppedEntry: Decodable {
    var hostname: String
    var target: Target

    /// Checks the rules; the key is put together only for a fault.
    func route(at key: @autoclosure () -> String) throws(RouteMapError) -> StoppedRoute {
        StoppedRoute(hostname: try RouteMapFile.hostname(hostname, key: "\(key()).hostname"), target: target)
    }
}

/// An element of `routes` as JSON has it, before the rules are checked.
struct RouteEntry: Decodable {
    var hostname: String
    var host: String?
    var hostPort: Int
    var tls: String?
    var maxConnections: Int?
    var target: Target

    /// Checks the rules; the key is put together only for a fault.
    func route(at key: @autoclosure () -> String) throws(RouteMapError) -> Route {
        guard let port = UInt16(exactly: hostPort), port > 0 else {
            throw RouteMapError(key: "\(key()).hostPort", problem: "\(hostPort) is not a port (1 to 65535)")
        }
        let host = host ?? Route.defaultHost
        guard host == Route.defaultHost || LoopbackAddress.contains(host) else {
            throw RouteMapError(
                key: "\(key()).host",
                problem: "'\(host.prefix(Hostname.maximumLength))' is not a loopback IP address (127.0.0.0/8 or ::1)"
            )
        }
        guard tls == nil || tls == "terminate" else {
            throw RouteMapError(
                key: "\(key()).tls",
                problem: "'\(tls?.prefix(40) ?? "")' is not offered by this version; use 'terminate'"
            )
        }
        if let maxConnections, maxConnections < 1 {
            throw RouteMapError(key: "\(key()).maxConnections", problem: "\(maxConnections) is not a number from 1 up")
        }
        return Route(
            hostname: try RouteMapFile.hostname(hostname, key: "\(key()).hostname"),
            host: host,
            hostPort: port,
            maxConnections: maxConnections,
            target: target
        )
    }
}

extension RouteMapError {
    fileprivate init(decoding error: DecodingError) {
        switch error {
        case .keyNotFound(let missing, let context):
            self.init(key: Self.path(context.codingPath + [missing]), problem: "is missing")
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            self.init(key: Self.path(context.codingPath), problem: "is not \(Self.name(of: type))")
        case .dataCorrupted(let context):
            let detail = (context.underlyingError as? NSError)?.userInfo[NSDebugDescriptionErrorKey] as? String
            self.init(
                key: Self.path(context.codingPath),
                problem: "is not JSON: \(detail ?? context.debugDescription)"
            )
        @unknown default:
            self.init(key: "", problem: "is not a route map: \(error.localizedDescription)")
        }
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is Int.Type: "a whole number"
        case is String.Type: "a text"
        case is [RouteEntry].Type, is [StoppedEntry].Type: "a list"
        default: "an object"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        var path = ""
        for key in keys {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return path
    }
}
