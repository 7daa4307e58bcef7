import Foundation
import NIOCore
import RouteMap

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What is taken as a route map is one, leads every hostname to its own target, and survives being written and read.
enum RouteProperties {
    /// The first byte says what the rest is: the text of a route map (even), or a script of routes (odd).
    static func check(_ input: inout ByteBuffer) throws(Violation) {
        guard let first = input.readInteger(as: UInt8.self) else { return }
        if first & 1 == 1 {
            try RouteScript.run(&input)
        } else {
            try checkText(Data(input.readableBytesView))
        }
    }

    private static func parse(_ data: Data) -> Result<RouteTable, RouteMapError> {
        Result { () throws(RouteMapError) in try RouteMapFile.parse(data) }
    }

    private static func checkText(_ data: Data) throws(Violation) {
        switch parse(data) {
        case .success(let table):
            try require(isJSON(data), "what is taken is no JSON")
            try checkTable(table)
            // Whitespace around a document says nothing.
            try require(isRepeated(parse(data + Data(" \r\n\t".utf8)), table), "whitespace at the end changes the map")
        case .failure(let error):
            try checkFault(error, lines: 1 + data.count { $0 == UInt8(ascii: "\n") })
            // No text that is refused becomes a map by something behind it, unless it was not whole.
            if case .success = parse(data + Data(" ".utf8)) { throw Violation("whitespace at the end makes it a map") }
        }
    }

    /// Whether Foundation reads it. It looks only at the numbers that are asked for: a number of JSON may be larger than any
    /// that a program has, where it does not matter.
    private static func isJSON(_ data: Data) -> Bool {
        struct Version: Decodable { let version: Int }
        return (try? JSONDecoder().decode(Version.self, from: data))?.version == 1
    }

    private static func checkFault(_ error: RouteMapError, lines: Int) throws(Violation) {
        guard let line = error.line else { throw Violation("a fault of a text has no line") }
        try require((1...lines).contains(line), "a fault is in line \(line) of \(lines)")
        try require(!error.problem.isEmpty, "a fault says nothing")
        try require(
            error.description.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control },
            "a fault shows a control character: \(error)"
        )
    }

    // MARK: A map

    /// What holds for any map, whoever wrote it.
    static func checkTable(_ table: RouteTable) throws(Violation) {
        let (routes, stopped) = (table.listedRoutes, table.listedStopped)
        try checkLimits(routes, table.confirmation)
        let names = (routes.map(\.hostname) + stopped.map(\.hostname)).map { Array($0.name.utf8) }
        try require(Set(names).count == names.count, "a hostname leads to two targets")
        try require(table.count == names.count, "the count is not that of the hostnames")
        for name in names { try require(HostnameOracle.allows(name), "a hostname breaks the rules") }
        let contested = contestedAddresses(routes)
        for route in routes {
            let isContested = contested.contains(place(route))
            try checkEntry(table, route.hostname, isContested ? .conflicting(route) : .active(route))
            try require(
                table.serves(route) == !isContested,
                "\(route.hostname) is served though it is in conflict, or not at all"
            )
        }
        for route in stopped { try checkEntry(table, route.hostname, .stopped(route)) }
        try require(Set(table.conflicts.flatMap(\.routes).map(place)) == contested, "a conflict is missing, or is none")
        try require(table.changes(since: .empty).added == names.count, "entries are missing in the changes")
        try require(table.isSame(as: table), "a map differs from itself")
        try checkWritten(table)
    }

    private static func checkLimits(_ routes: [Route], _ confirmation: RouteMapConfirmation?) throws(Violation) {
        for route in routes {
            try require(route.hostPort > 0, "a port is 0")
            try require(route.maxConnections ?? 1 > 0, "a limit is not positive")
            try require(loopback(route.host) != nil, "'\(route.host)' is not a loopback address")
        }
        if let confirmation {
            try require((1...86_400).contains(confirmation.validForSeconds), "a map is confirmed for too long")
        }
    }

    private static func checkEntry(
        _ table: RouteTable,
        _ hostname: Hostname,
        _ expected: RouteTable.Entry
    ) throws(Violation) {
        for name in [hostname.name, hostname.name + ".", hostname.name.uppercased()] {
            let entry = table.entry(for: name)
            try require(entry == expected, "'\(name)' leads to \(String(describing: entry))")
        }
        // Neither a part of it nor what is below it.
        for name in ["a." + hostname.name, String(hostname.name.dropFirst()), hostname.name + ".."] {
            guard let entry = table.entry(for: name) else { continue }
            try require(entry != expected, "'\(name)' leads where \(hostname) does")
        }
    }

    /// Written and read again, it is the same map; written again, the same text.
    private static func checkWritten(_ table: RouteTable) throws(Violation) {
        let text = try encode(table)
        guard case .success(let read) = parse(text) else { throw Violation("what is written cannot be read") }
        try require(read.isSame(as: table) && table.isSame(as: read), "what is written is read as another map")
        try require(isRepeated(.success(read), table), "what is written is read with other texts")
        try require(try encode(read) == text, "what was read is written otherwise")
    }

    private static func encode(_ table: RouteTable) throws(Violation) -> Data {
        do throws(RouteMapError) {
            return try RouteMapFile.encode(
                routes: table.listedRoutes,
                stopped: table.listedStopped,
                generatedAt: Date(timeIntervalSince1970: 1_764_000_000),
                confirmation: table.confirmation
            )
        } catch {
            throw Violation("a map that was read cannot be written: \(error)")
        }
    }

    /// Byte by byte: texts compare as equal that have other bytes. Times are written to the second.
    private static func isRepeated(_ result: Result<RouteTable, RouteMapError>, _ table: RouteTable) -> Bool {
        guard case .success(let other) = result else { return false }
        let seconds = [table, other].map { $0.confirmation?.confirmedAt.timeIntervalSince1970.rounded(.down) }
        return texts(other) == texts(table) && other.listedRoutes == table.listedRoutes
            && other.confirmation?.validForSeconds == table.confirmation?.validForSeconds && seconds[0] == seconds[1]
    }

    private static func texts(_ table: RouteTable) -> [[UInt8]] {
        let targets = table.listedRoutes.map(\.target) + table.listedStopped.map(\.target)
        let names = table.listedRoutes.map(\.hostname.name) + table.listedStopped.map(\.hostname.name)
        return (names + targets.flatMap { [$0.id, $0.name, $0.database, $0.project] }).map { Array($0.utf8) }
    }

    // MARK: Addresses

    private struct Place: Hashable {
        let address: [UInt8]
        let port: UInt16
    }

    private static func place(_ route: Route) -> Place {
        Place(address: loopback(route.host) ?? [], port: route.hostPort)
    }

    /// Those of several targets of which one at least does not share it.
    private static func contestedAddresses(_ routes: [Route]) -> Set<Place> {
        let groups = Dictionary(grouping: routes, by: place)
        return Set(
            groups.filter { Set($1.map(\.target.id)).count > 1 && !$1.allSatisfy(\.isSharedAddress) }.keys
        )
    }

    /// The bytes of an address of 127.0.0.0/8 or of `::1`; nil for any other text.
    private static func loopback(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        if let bytes = parsed(text, AF_INET, count: 4) { return bytes[0] == 127 ? bytes : nil }
        guard let bytes = parsed(text, AF_INET6, count: 16) else { return nil }
        return bytes == Array(repeating: 0, count: 15) + [1] ? bytes : nil
    }

    private static func parsed(_ text: String, _ family: CInt, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
