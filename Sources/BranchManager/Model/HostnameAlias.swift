package import Foundation
import GRDB

/// A former hostname of a branch, which works until it expires.
package struct HostnameAlias: Codable, Hashable, Sendable, FetchableRecord, PersistableRecord {
    package static let databaseTableName = "hostnameAlias"

    package var hostname: String
    package var targetId: String
    /// To the second.
    package var endsAt: Date
}

/// How long a former hostname keeps working.
package struct AliasDuration: Hashable, Sendable {
    /// In seconds: a minute to 90 days.
    package static let range = 60...7_776_000
    /// The page's default: seven days.
    package static let usual = AliasDuration(604_800)

    package let seconds: Int

    private init(_ seconds: Int) { self.seconds = seconds }

    /// - Throws: ``BranchError/invalid(_:)`` for a number outside of ``range``.
    package init(seconds: Int) throws(BranchError) {
        guard Self.range.contains(seconds) else { throw Self.fault("\(seconds) seconds") }
        self.init(seconds)
    }

    /// Takes a number with the unit m, h or d, e.g. `7d`.
    ///
    /// - Throws: ``BranchError/invalid(_:)``.
    package init(_ text: String) throws(BranchError) {
        let units: [Character: Int] = ["m": 60, "h": 3_600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()),
            text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
            case let (seconds, isTooLarge) = number.multipliedReportingOverflow(by: unit), !isTooLarge,
            Self.range.contains(seconds)
        else { throw Self.fault("'\(text.prefix(40))'") }
        self.init(seconds)
    }

    private static func fault(_ text: String) -> BranchError {
        .invalid("a hostname cannot be kept for \(text); use 1m to 90d (m: minutes, h: hours, d: days), such as 7d")
    }

    /// The expiry for a start time, to the second.
    package func end(from start: Date) -> Date {
        Date(timeIntervalSince1970: start.timeIntervalSince1970.rounded(.down) + Double(seconds))
    }

    /// "7 days", "90 minutes".
    package var text: String {
        let (number, unit) =
            seconds % 86_400 == 0
            ? (seconds / 86_400, "day")
            : seconds % 3_600 == 0
                ? (seconds / 3_600, "hour") : seconds % 60 == 0 ? (seconds / 60, "minute") : (seconds, "second")
        return number == 1 ? "1 \(unit)" : "\(number) \(unit)s"
    }
}
