import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What the kernel says of this process (proc(5)).
package struct ProcessUsage: Hashable, Sendable {
    /// User and system time.
    package var cpuSeconds: Double
    package var residentBytes: Int
    package var virtualBytes: Int
    /// Nil when they cannot be counted, for want of a descriptor.
    package var openFiles: Int?
    package var maximumFiles: Int?
    /// Seconds since the Unix epoch.
    package var startTime: Double?

    /// Reads the files; blocking, never on an event loop. Nil on a host without /proc.
    package static func current() -> ProcessUsage? {
        guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8) else { return nil }
        let system = try? String(contentsOfFile: "/proc/stat", encoding: .utf8)
        guard
            var usage = ProcessUsage(
                stat: stat,
                systemStat: system,
                ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)),
                pageSize: sysconf(Int32(_SC_PAGESIZE))
            )
        else { return nil }
        // Less the one with which they are read.
        usage.openFiles = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { $0.count - 1 }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            usage.maximumFiles = Int(clamping: limit.rlim_cur)
        }
        return usage
    }

    /// - Parameters:
    ///   - stat: `/proc/self/stat`.
    ///   - systemStat: `/proc/stat`, which has the time at which the host came up.
    package init?(stat: String, systemStat: String?, ticksPerSecond: Int, pageSize: Int) {
        // The second field is the program's name, in parentheses, and may have spaces and parentheses of its own.
        guard let name = stat.lastIndex(of: ")"), ticksPerSecond > 0 else { return nil }
        let fields = stat[stat.index(after: name)...].split(whereSeparator: \.isWhitespace)
        /// By its number in proc(5).
        func field(_ number: Int) -> Int? {
            fields.indices.contains(number - 3) ? Int(fields[number - 3]) : nil
        }
        guard let user = field(14), let system = field(15), let start = field(22), let virtual = field(23),
            let resident = field(24)
        else { return nil }
        cpuSeconds = Double(user + system) / Double(ticksPerSecond)
        virtualBytes = virtual
        residentBytes = resident * pageSize
        let boot = systemStat?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Int($0.dropFirst(6)) }
        startTime = boot.map { Double($0) + Double(start) / Double(ticksPerSecond) }
    }
}
