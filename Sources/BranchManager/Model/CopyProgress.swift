import Foundation

/// The progress of a copy.
package struct CopyProgress: Hashable, Sendable {
    package var doneBytes: Int
    /// An estimate; grows if there is more.
    package var totalBytes: Int

    package init(doneBytes: Int, totalBytes: Int) {
        self.doneBytes = doneBytes
        self.totalBytes = max(doneBytes, totalBytes)
    }

    /// Reads a line of `pg_basebackup --progress`: ` 7168/23145 kB (30%), 0/1 tablespace`, with kB of 1024 bytes.
    ///
    /// - Returns: nil for any other line.
    init?(backupLine line: some StringProtocol) {
        guard let match = String(line).prefixMatch(of: /\s*([0-9]+)\/([0-9]+) kB \(/), let done = Int(match.1),
            let total = Int(match.2), done <= Self.most, total <= Self.most
        else { return nil }
        self.init(doneBytes: done * 1_024, totalBytes: total * 1_024)
    }

    /// In kB, so that the number of bytes does not overflow.
    private static let most = Int.max / 1_024

    /// "1.2 of 3.4 GB"
    package var text: String {
        let (done, total) = (ByteCount.parts(doneBytes, in: ByteCount.unit(of: totalBytes)), ByteCount.text(totalBytes))
        return "\(done.number) of \(total)"
    }
}

/// Numbers of bytes as text, in units of 1000.
package enum ByteCount {
    private static let units = ["bytes", "kB", "MB", "GB", "TB"]

    /// "7.6 MB"
    package static func text(_ bytes: Int) -> String {
        let parts = parts(bytes, in: unit(of: bytes))
        return "\(parts.number) \(parts.unit)"
    }

    fileprivate static func unit(of bytes: Int) -> Int {
        var (value, unit) = (Double(bytes), 0)
        while value >= 1_000, unit + 1 < units.count { (value, unit) = (value / 1_000, unit + 1) }
        return unit
    }

    fileprivate static func parts(_ bytes: Int, in unit: Int) -> (number: String, unit: String) {
        let value = (0..<unit).reduce(Double(bytes)) { value, _ in value / 1_000 }
        let style = FloatingPointFormatStyle<Double>.number.precision(.fractionLength(unit == 0 ? 0 : 1))
        return (value.formatted(style.locale(Locale(identifier: "en_US_POSIX"))), units[unit])
    }
}
