import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The process that was started, recorded in a file: the next start finds it after a crash, and does not mistake
/// another process with the same number for it.
struct ProcessRecord: Sendable {
    let path: String
    /// The name of the program's file.
    let program: String

    /// The record of the gateway of `frost up`.
    static func gateway(in directory: String) -> ProcessRecord {
        ProcessRecord(path: "\(directory)/gateway.pid", program: "postgres-gateway")
    }

    func write(_ pid: Int32) {
        guard let start = Self.startTime(pid) else { return }
        try? "\(pid) \(start)\n".write(toFile: path, atomically: true, encoding: .utf8)
    }

    func remove() { unlink(path) }

    /// The process, if it is still running.
    func running() -> Int32? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count == 2, let pid = Int32(parts[0]), pid > 1, !Self.hasEnded(pid),
            Self.startTime(pid) == String(parts[1]),
            let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe"),
            // An update leaves ` (deleted)` behind the name.
            (executable as NSString).lastPathComponent.split(separator: " ").first == Substring(program)
        else { return nil }
        return pid
    }

    /// Whether a process is a zombie or gone.
    static func hasEnded(_ pid: Int32) -> Bool {
        guard let fields = fields(pid), let state = fields.first else { return true }
        return state == "Z"
    }

    /// In clock ticks since the host was started (proc(5), field 22).
    private static func startTime(_ pid: Int32) -> String? {
        guard let fields = fields(pid), fields.count > 19 else { return nil }
        return fields[19]
    }

    /// The fields after the name in `/proc/<pid>/stat`, from the state (field 3).
    private static func fields(_ pid: Int32) -> [String]? {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return nil }
        return stat[stat.index(after: end)...].split(separator: " ").map(String.init)
    }
}
