import ServiceNotify
import TestSupport
import Testing

@Suite struct SystemdNotifierTests {
    @Test("One datagram each time, to a path and to an abstract name")
    func datagrams() throws {
        let directory = try TemporaryDirectory("notify")
        defer { directory.remove() }
        for path in [directory.file("socket"), "@frost-test-\(directory.path.hashValue)"] {
            let systemd = try DatagramSocket(path: path)
            let notifier = try #require(SystemdNotifier(environment: ["NOTIFY_SOCKET": path]))
            #expect(notifier.send(.ready, .status("3 sessions\nREADY=1\u{0}\u{85}é")))
            // A line end in a text is no second assignment.
            #expect(systemd.receive() == "READY=1\nSTATUS=3 sessions READY=1  é")
            #expect(notifier.send(.reloading(monotonicMicroseconds: 7)))
            #expect(systemd.receive() == "RELOADING=1\nMONOTONIC_USEC=7")
            #expect(notifier.send(.stopping, .extendTimeout(microseconds: 45_000_000), .watchdog))
            #expect(systemd.receive() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000\nWATCHDOG=1")
        }
    }

    @Test("Nobody there, or a path that is none: told, and nothing worse")
    func nobody() {
        #expect(SystemdNotifier(environment: [:]) == nil)
        for path in ["", "relative", "vsock:2:1"] {
            #expect(SystemdNotifier(environment: ["NOTIFY_SOCKET": path]) == nil)
        }
        for path in ["/none/socket", "@nobody-listens-here", "/" + String(repeating: "x", count: 200)] {
            #expect(SystemdNotifier(environment: ["NOTIFY_SOCKET": path])?.send(.ready) == false)
        }
    }

    @Test(
        "The watchdog's interval, if it is for this process",
        arguments: [
            (["WATCHDOG_USEC": "2000000"], 2_000_000), (["WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "42"], 2_000_000),
            (["WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "43"], nil), ([:], nil), (["WATCHDOG_USEC": "0"], nil),
            (["WATCHDOG_USEC": "x"], nil), (["WATCHDOG_USEC": "-1"], nil),
            (["WATCHDOG_USEC": "1", "WATCHDOG_PID": ""], nil),
        ] as [([String: String], UInt64?)]
    )
    func watchdog(variables: [String: String], expected: UInt64?) {
        let environment = variables.merging(["NOTIFY_SOCKET": "/run/notify"]) { _, new in new }
        #expect(SystemdNotifier(environment: environment, processID: 42)?.watchdogMicroseconds == expected)
    }

    @Test("The monotonic time goes forward")
    func monotonic() {
        let before = SystemdNotifier.monotonicMicroseconds()
        #expect(before > 0)
        #expect(SystemdNotifier.monotonicMicroseconds() >= before)
    }
}
