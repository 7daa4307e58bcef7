import Foundation

/// Reads a route map out of JSON: which keys there are, what they may be, and which of them there must be.
///
/// The only parser of route maps. Keys that it does not know are skipped, whatever their values are.
struct RouteMapScanner {
    private var json: JSONScanner
    /// Where each route's hostname stands, for faults that are found only when all are known.
    private var routeHostnames: [Int] = []
    private var stoppedHostnames: [Int] = []

    /// - Parameter bytes: must outlive the scanner; its results do not depend on them.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        json = JSONScanner(bytes)
    }

    /// The whole text, which has nothing but a route map of the one version.
    ///
    /// - Throws: ``RouteMapError`` with the line, and the key where there is one, of the first fault.
    mutating func table() throws(RouteMapError) -> RouteTable {
        do throws(JSONFault) {
            return try readTable()
        } catch {
            // Another version may have another layout, so report the version.
            throw RouteMapError(Self.unknownVersion(json.bytes) ?? error, in: json.bytes)
        }
    }

    /// The fault of a well-formed document that has another version; nil for any other text.
    private static func unknownVersion(_ bytes: UnsafeBufferPointer<UInt8>) -> JSONFault? {
        var json = JSONScanner(bytes)
        var fault: JSONFault?
        do throws(JSONFault) {
            var members = JSONMembers<VersionKey>()
            try json.beginObject()
            while try json.nextKey(&members, depth: 1) != nil {
                json.skipWhitespace()
                let start = json.position
                do throws(JSONFault) {
                    _ = try json.version()
                } catch {
                    fault = error.within(key: members.current)
                    json.position = start
                    try json.skipValue(depth: 1)
                }
            }
            try json.end()
            return fault
        } catch {
            return nil
        }
    }

    private mutating func readTable() throws(JSONFault) -> RouteTable {
        var hasVersion = false
        var routes: [Route]?
        var stopped: [StoppedRoute] = []
        var confirmedAt: Date?
        var validForSeconds: Int?
        var members = JSONMembers<MapKey>()
        try json.beginObject()
        do throws(JSONFault) {
            while let key = try json.nextKey(&members, depth: 1) {
                switch key {
                case .version: hasVersion = try json.version()
                case .routes: routes = try self.routes()
                case .stopped: stopped = try json.null() ? [] : self.stopped()
                case .confirmedAt: confirmedAt = try json.null() ? nil : json.time()
                case .validForSeconds: validForSeconds = try json.null() ? nil : json.validForSeconds()
                }
            }
        } catch {
            throw error.within(key: members.current)
        }
        let end = max(0, json.position - 1)
        try json.end()
        guard hasVersion else { throw missing("version", at: end) }
        guard let routes else { throw missing("routes", at: end) }
        var confirmation: RouteMapConfirmation?
        switch (confirmedAt, validForSeconds) {
        case (let time?, let seconds?): confirmation = .init(confirmedAt: time, validForSeconds: seconds)
        case (_?, nil): throw missing("validForSeconds", at: end, " beside confirmedAt")
        case (nil, _?): throw missing("confirmedAt", at: end, " beside validForSeconds")
        case (nil, nil): break
        }
        do throws(RouteTable.Fault) {
            return try RouteTable(checking: routes, stopped, confirmation)
        } catch {
            let (list, offset) =
                switch error.list {
                case .routes: ("routes", routeHostnames[error.index])
                case .stopped: ("stopped", stoppedHostnames[error.index])
                }
            throw json.fault(error.problem, at: offset)
                .within(key: error.key).within(index: error.index).within(key: list)
        }
    }

    private func missing(_ key: String, at offset: Int, _ reason: String = "") -> JSONFault {
        json.fault("is missing\(reason)", at: offset).within(key: key)
    }

    // MARK: Lists

    private mutating func routes() throws(JSONFault) -> [Route] {
        var routes: [Route] = []
        var isFirst = true
        try json.beginList()
        while try json.hasElement(&isFirst) {
            do throws(JSONFault) {
                routes.append(try route())
            } catch {
                throw error.within(index: routes.count)
            }
        }
        return routes
    }

    private mutating func stopped() throws(JSONFault) -> [StoppedRoute] {
        var stopped: [StoppedRoute] = []
        var isFirst = true
        try json.beginList()
        while try json.hasElement(&isFirst) {
            do throws(JSONFault) {
                stopped.append(try stoppedRoute())
            } catch {
                throw error.within(index: stopped.count)
            }
        }
        return stopped
    }

    // MARK: Elements

    private mutating func route() throws(JSONFault) -> Route {
        var hostname: Hostname?
        var host = Route.defaultHost
        var hostPort: UInt16?
        var maxConnections: Int?
        var isSharedAddress = false
        var target: Target?
        var members = JSONMembers<RouteKey>()
        try json.beginObject()
        let start = json.position - 1
        do throws(JSONFault) {
            while let key = try json.nextKey(&members, depth: 3) {
                switch key {
                case .hostname: hostname = try json.hostname(&routeHostnames)
                case .hostPort: hostPort = try json.port()
                case .target: target = try json.target()
                case .host: if try !json.null() { host = try json.loopbackHost() }
                case .maxConnections: maxConnections = try json.null() ? nil : json.maxConnections()
                case .tls: if try !json.null() { try json.tls() }
                case .sharedAddress: isSharedAddress = try json.null() ? false : json.boolean()
                }
            }
        } catch {
            throw error.within(key: members.current)
        }
        guard let hostname else { throw missing("hostname", at: start) }
        guard let hostPort else { throw missing("hostPort", at: start) }
        guard let target else { throw missing("target", at: start) }
        return Route(
            hostname: hostname,
            host: host,
            hostPort: hostPort,
            maxConnections: maxConnections,
            isSharedAddress: isSharedAddress,
            target: target
        )
    }

    private mutating func stoppedRoute() throws(JSONFault) -> StoppedRoute {
        var hostname: Hostname?
        var target: Target?
        var members = JSONMembers<StoppedKey>()
        try json.beginObject()
        let start = json.position - 1
        do throws(JSONFault) {
            while let key = try json.nextKey(&members, depth: 3) {
                switch key {
                case .hostname: hostname = try json.hostname(&stoppedHostnames)
                case .target: target = try json.target()
                }
            }
        } catch {
            throw error.within(key: members.current)
        }
        guard let hostname else { throw missing("hostname", at: start) }
        guard let target else { throw missing("target", at: start) }
        return StoppedRoute(hostname: hostname, target: target)
    }
}
