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

extension Date {
    /// Reads a time of RFC 3339 that is in UTC, with a fraction of a second or without.
    ///
    /// - Returns: nil for any other text, and for a time with another offset.
    init?(utcTimestamp text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20 else { return nil }
        for (place, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")] where bytes[place] != mark.utf8.first
        {
            return nil
        }
        func number(_ range: Range<Int>) -> Int? {
            bytes[range].allSatisfy(isDigit) ? bytes[range].reduce(0) { $0 * 10 + Int($1 & 0x0f) } : nil
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day),
            // A leap second is taken for the first of the next minute.
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var rest = bytes[19...]
        var fraction = 0.0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix(while: isDigit)
            guard !digits.isEmpty else { return nil }
            fraction = digits.prefix(9).reversed().reduce(0.0) { ($0 + Double($1 & 0x0f)) / 10 }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard rest.elementsEqual("Z".utf8) || rest.elementsEqual("+00:00".utf8) else { return nil }
        let seconds = Self.days(toYear: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
        self.init(timeIntervalSince1970: Double(seconds) + fraction)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a day of the Gregorian calendar, from the year 0 on.
    private static func days(toYear year: Int, month: Int, day: Int) -> Int {
        // Years begin in March, so that the leap day is the last day of one.
        let shifted = month > 2 ? year : year - 1
        let leapDays = shifted / 4 - shifted / 100 + shifted / 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + leapDays + dayOfYear - 719_468
    }
}
