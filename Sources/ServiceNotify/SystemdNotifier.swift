#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The states that a service of `Type=notify` reports to systemd (sd_notify(3)).
package enum SystemdState: Hashable, Sendable {
    case ready
    /// With CLOCK_MONOTONIC in microseconds, so that systemd can tell this reload from an earlier one.
    case reloading(monotonicMicroseconds: UInt64)
    case stopping
    /// A line for `systemctl status`; control characters in it become spaces.
    case status(String)
    /// A sign of life for `WatchdogSec=`.
    case watchdog
    /// The stop may take this much longer, from now.
    case extendTimeout(microseconds: UInt64)

    package var text: String {
        switch self {
        case .ready: "READY=1"
        case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time)"
        case .stopping: "STOPPING=1"
        case .status(let text): "STATUS=\(Self.line(text))"
        case .watchdog: "WATCHDOG=1"
        case .extendTimeout(let time): "EXTEND_TIMEOUT_USEC=\(time)"
        }
    }

    /// A line end in a text would begin another assignment.
    private static func line(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 })
        )
    }
}

/// Sends states to systemd: one datagram each time, to the socket that `NOTIFY_SOCKET` names.
package struct SystemdNotifier: Sendable {
    private let path: String
    /// How often systemd wants a sign of life at the least, in microseconds; nil when it wants none.
    package let watchdogMicroseconds: UInt64?

    /// - Parameters:
    ///   - environment: without `NOTIFY_SOCKET` the result is nil.
    ///   - processID: `WATCHDOG_PID` may say that the watchdog is for another process.
    package init?(environment: [String: String], processID: Int32 = getpid()) {
        guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else { return nil }
        self.path = path
        let isOurs = environment["WATCHDOG_PID"].map { Int32($0) == processID } ?? true
        watchdogMicroseconds =
            isOurs ? environment["WATCHDOG_USEC"].flatMap(UInt64.init).flatMap { $0 > 0 ? $0 : nil } : nil
    }

    /// - Returns: whether the datagram was sent; a service continues if it was not.
    @discardableResult
    package func send(_ states: SystemdState...) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        // `@` stands for the NUL byte that abstract names begin with.
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)

        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let message = Array(states.map(\.text).joined(separator: "\n").utf8)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
        return sent == message.count
    }

    /// CLOCK_MONOTONIC, as systemd compares it.
    package static func monotonicMicroseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
    }
}
