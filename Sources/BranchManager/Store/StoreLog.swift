#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The log beside a store's file (SQLite file format, section 4), read without SQLite, which would replay it.
enum StoreLog {
    /// The number of reads of a store that others write to.
    private static let tries = 20
    private static let pause: UInt32 = 10_000

    /// Whether the log beside a store's file continues the file's state. A log without marks, such as one from before
    /// marks existed, is assumed to belong to it.
    ///
    /// A store's file has the mark that the log's first change continues or, after the start of a checkpoint, that of
    /// any change in the log. This is true at all times, no matter what other processes do.
    static func belongs(to path: String) -> Bool {
        for _ in 0..<tries {
            guard let log = Contents(log: "\(path)-wal"), let first = log.marks.first else { return true }
            let found = marks(of: path, pageSize: log.pageSize, page: log.page)
            if fits(found, log.marks, first) { return true }
            // The file was read after the log, so they match only if the log has not been restarted since.
            guard let after = Contents(log: "\(path)-wal") else { return true }
            if after.header == log.header, let first = after.marks.first {
                return fits(found, after.marks, first)
            }
            usleep(pause)
        }
        // A process that writes this much has it open.
        return true
    }

    private static func fits(_ found: [StoreMark], _ log: [StoreMark], _ first: StoreMark) -> Bool {
        // The log creates the table of marks.
        if found.isEmpty { return first.isFirst }
        return found.contains { mark in
            mark.current == first.previous || log.contains { $0.current == mark.current }
        }
    }

    /// The mark in a store's file without the log: in the same page as in the log, or where it was before a VACUUM.
    private static func marks(of path: String, pageSize: Int, page: UInt32) -> [StoreMark] {
        guard let file = File(path) else { return [] }
        let read = { (number: Int) in file.bytes(at: (number - 1) * pageSize, pageSize).flatMap(StoreMark.init(page:)) }
        if let mark = read(Int(page)) { return [mark] }
        return (1...max(1, file.size / pageSize)).compactMap(read)
    }

    /// The changes in a log that SQLite would replay.
    private struct Contents {
        let header: [UInt8]
        let pageSize: Int
        /// The marks after each change, in order.
        private(set) var marks: [StoreMark] = []
        /// Where the first was found.
        private(set) var page: UInt32 = 0

        private static let headerLength = 32
        private static let frameHeaderLength = 24
        /// Except for its last bit, the byte order of checksums.
        private static let magic: UInt32 = 0x377f_0682

        /// nil if there is none, or none that SQLite would replay.
        init?(log path: String) {
            guard let file = File(path), let header = file.bytes(at: 0, Self.headerLength) else { return nil }
            let magic = Self.word(header, 0)
            guard magic & ~1 == Self.magic else { return nil }
            var sum = Checksum(isBigEndian: magic & 1 == 1)
            sum.add(header[..<24])
            pageSize = Int(Self.word(header, 8))
            guard sum.is(header[24...]), (512...65_536).contains(pageSize) else { return nil }
            self.header = header
            let salts = header[16..<24]
            var offset = Self.headerLength
            var pending: StoreMark?
            while let frame = file.bytes(at: offset, Self.frameHeaderLength + pageSize) {
                guard frame[8..<16].elementsEqual(salts) else { return }
                sum.add(frame[..<8])
                sum.add(frame[Self.frameHeaderLength...])
                guard sum.is(frame[16..<24]) else { return }
                offset += frame.count
                if let mark = StoreMark(page: Array(frame[Self.frameHeaderLength...])) {
                    pending = mark
                    if marks.isEmpty { page = Self.word(frame, 0) }
                }
                // The size of the database after a commit; none in the middle of one.
                if Self.word(frame, 4) != 0, let mark = pending {
                    marks.append(mark)
                    pending = nil
                }
            }
        }

        private static func word(_ bytes: [UInt8], _ index: Int) -> UInt32 {
            bytes[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// SQLite's own, of 32-bit words.
    private struct Checksum {
        let isBigEndian: Bool
        private var first: UInt32 = 0
        private var second: UInt32 = 0

        init(isBigEndian: Bool) { self.isBigEndian = isBigEndian }

        /// - Parameter bytes: a multiple of eight.
        mutating func add(_ bytes: ArraySlice<UInt8>) {
            bytes.withUnsafeBytes { buffer in
                for offset in stride(from: 0, to: buffer.count - 7, by: 8) {
                    let one = buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                    let other = buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                    first &+= (isBigEndian ? UInt32(bigEndian: one) : UInt32(littleEndian: one)) &+ second
                    second &+= (isBigEndian ? UInt32(bigEndian: other) : UInt32(littleEndian: other)) &+ first
                }
            }
        }

        /// Stored in big-endian order.
        func `is`(_ bytes: ArraySlice<UInt8>) -> Bool {
            let words = [first, second].flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
            }
            return bytes.elementsEqual(words)
        }
    }

    /// A file with random access.
    private final class File {
        private let descriptor: Int32

        init?(_ path: String) {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 { return nil }
        }

        /// In bytes.
        var size: Int {
            var status = stat()
            return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
        }

        /// nil if there are fewer bytes.
        func bytes(at offset: Int, _ count: Int) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            var have = 0
            while have < count {
                let read = bytes.withUnsafeMutableBytes {
                    pread(descriptor, $0.baseAddress.map { $0 + have }, count - have, off_t(offset + have))
                }
                if read < 0, errno == EINTR { continue }
                guard read > 0 else { return nil }
                have += read
            }
            return bytes
        }

        deinit { close(descriptor) }
    }
}
