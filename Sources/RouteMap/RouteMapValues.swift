import Foundation

/// What the values of a route map may be. Each takes one value, and throws the fault of another.
extension JSONScanner {
    /// - Returns: true, so that a caller can note that there was one.
    mutating func version() throws(JSONFault) -> Bool {
        _ = try integer(
            in: RouteMapFile.version...RouteMapFile.version,
            otherwise: "is not a supported version; use \(RouteMapFile.version)"
        )
        return true
    }

    /// - Parameter places: gets where the hostname stands.
    mutating func hostname(_ places: inout [Int]) throws(JSONFault) -> Hostname {
        let (text, start) = try placedString()
        places.append(start)
        do {
            return try Hostname(text)
        } catch {
            throw fault("'\(RouteMapError.shown(text))' \(error)", at: start)
        }
    }

    mutating func port() throws(JSONFault) -> UInt16 {
        UInt16(truncatingIfNeeded: try integer(in: 1...65_535, otherwise: "is not a port (1 to 65535)"))
    }

    mutating func loopbackHost() throws(JSONFault) -> String {
        let (text, start) = try placedString()
        guard LoopbackAddress(text) != nil else { throw fault(RouteTable.Fault.notLoopback(text), at: start) }
        return text
    }

    mutating func maxConnections() throws(JSONFault) -> Int {
        try integer(in: 1...Int.max, otherwise: "is not a positive whole number")
    }

    mutating func tls() throws(JSONFault) {
        let (text, start) = try placedString()
        guard text == "terminate" else {
            throw fault("'\(RouteMapError.shown(text))' is not supported by this version; use 'terminate'", at: start)
        }
    }

    mutating func validForSeconds() throws(JSONFault) -> Int {
        let validity = RouteMapConfirmation.validity
        return try integer(
            in: validity,
            otherwise: "is not a number of seconds (\(validity.lowerBound) to \(validity.upperBound))"
        )
    }

    mutating func time() throws(JSONFault) -> Date {
        let (text, start) = try placedString()
        guard let time = Date(utcTimestamp: text) else {
            throw fault(
                "'\(RouteMapError.shown(text))' is not a time in UTC such as '2026-11-23T02:00:00Z'",
                at: start
            )
        }
        return time
    }

    mutating func target() throws(JSONFault) -> Target {
        var id: String?
        var name: String?
        var database: String?
        var project: String?
        var members = JSONMembers<TargetKey>()
        try beginObject()
        let start = position - 1
        do throws(JSONFault) {
            while let key = try nextKey(&members, depth: 4) {
                switch key {
                case .id: id = try string()
                case .name: name = try string()
                case .database: database = try string()
                case .project: project = try string()
                }
            }
        } catch {
            throw error.within(key: members.current)
        }
        guard let id else { throw fault("is missing", at: start).within(key: "id") }
        guard let name else { throw fault("is missing", at: start).within(key: "name") }
        guard let database else { throw fault("is missing", at: start).within(key: "database") }
        guard let project else { throw fault("is missing", at: start).within(key: "project") }
        return Target(id: id, name: name, database: database, project: project)
    }

    /// A text, and where it begins.
    private mutating func placedString() throws(JSONFault) -> (text: String, start: Int) {
        skipWhitespace()
        let start = position
        return (try string(), start)
    }
}
