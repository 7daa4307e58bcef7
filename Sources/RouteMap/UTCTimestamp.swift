import Foundation

extension Date {
    /// The times that a timestamp names: the years 1 to 9999.
    private static let written =
        Date(timeIntervalSince1970: -62_135_596_800)..<Date(timeIntervalSince1970: 253_402_300_800)

    /// Reads a time of RFC 3339 that is in UTC, with a fraction of a second or without.
    ///
    /// - Returns: nil for any other text, for a time with another offset, and for one that ``utcTimestamp`` does not write.
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
        guard Self.written.contains(self) else { return nil }
    }

    /// The time in RFC 3339, in UTC, to the second below; nil outside the years 1 to 9999.
    ///
    /// Foundation's `.iso8601` writes years beyond these as well, and one of them as another.
    var utcTimestamp: String? {
        guard Self.written.contains(self) else { return nil }
        let seconds = Int(timeIntervalSince1970.rounded(.down))
        let day = Int((Double(seconds) / 86_400).rounded(.down))
        let (year, month, dayOfMonth) = Self.date(ofDay: day)
        let second = seconds - day * 86_400
        func padded(_ number: Int, _ digits: Int = 2) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return "\(padded(year, 4))-\(padded(month))-\(padded(dayOfMonth))"
            + "T\(padded(second / 3_600)):\(padded(second / 60 % 60)):\(padded(second % 60))Z"
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to a day of the Gregorian calendar, from the year 1 on.
    private static func days(toYear year: Int, month: Int, day: Int) -> Int {
        // Years begin in March, so that the leap day is the last day of one.
        let shifted = month > 2 ? year : year - 1
        let leapDays = shifted / 4 - shifted / 100 + shifted / 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + leapDays + dayOfYear - 719_468
    }

    /// The day of the Gregorian calendar that is so many days from 1970-01-01, from the year 1 on.
    private static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        // As above: from the first of March of the year 0, in periods of 400 years.
        let days = day + 719_468
        let dayOfPeriod = days % 146_097
        let yearOfPeriod = (dayOfPeriod - dayOfPeriod / 1_460 + dayOfPeriod / 36_524 - dayOfPeriod / 146_096) / 365
        let dayOfYear = dayOfPeriod - (365 * yearOfPeriod + yearOfPeriod / 4 - yearOfPeriod / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (
            days / 146_097 * 400 + yearOfPeriod + (month > 2 ? 0 : 1), month, dayOfYear - (153 * shifted + 2) / 5 + 1
        )
    }
}
