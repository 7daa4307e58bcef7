import ArgumentParser
import BranchManager
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Options of every command: the location of frost's state, and the programs and ports of its branches.
struct FrostOptions: ParsableArguments {
    @Option(
        help:
            "Directory for state and branches. (default: FROST_DATA_DIR, else /var/lib/frost; ~/.local/share/frost for users other than root)"
    )
    var dataDir: String?

    @Option(
        help:
            "Route map for the gateway. (default: FROST_ROUTE_FILE, else the stored setting, else routes.json in the data directory)"
    )
    var routeFile: String?

    @Option(
        help:
            "Additional directories with PostgreSQL programs, separated by colons. (default: FROST_POSTGRES_BIN)"
    )
    var postgresBin: String?

    @Option(help: "Port range for branches. (default: FROST_HOST_PORTS, else 10000-20000)")
    var hostPorts: String?

    @Flag(help: "Print JSON.")
    var json = false

    private static func value(_ option: String?, _ variable: String) -> String? {
        option ?? ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The defaults, as with no options on the command line.
    static var plain: FrostOptions {
        var options = FrostOptions()
        options.dataDir = nil
        options.routeFile = nil
        options.postgresBin = nil
        options.hostPorts = nil
        options.json = false
        return options
    }

    var dataDirectory: String { Self.value(dataDir, "FROST_DATA_DIR") ?? Self.defaultDataDirectory }

    private static let systemDataDirectory = "/var/lib/frost"

    /// Users other than root cannot use the system's directory, so they have their own (XDG Base Directory
    /// Specification).
    private static var defaultDataDirectory: String {
        if geteuid() == 0 || access(systemDataDirectory, W_OK) == 0 { return systemDataDirectory }
        let data = value(nil, "XDG_DATA_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
        let home = value(nil, "HOME") ?? NSHomeDirectory()
        return "\(data ?? "\(home)/.local/share")/frost"
    }

    /// The options that commands in messages repeat, so that they use the same state as this one.
    var hint: CommandHint {
        let given = [
            ("--data-dir", dataDir), ("--route-file", routeFile), ("--postgres-bin", postgresBin),
            ("--host-ports", hostPorts),
        ]
        return CommandHint(repeating: given.compactMap { option, value in value.map { (option: option, value: $0) } })
    }

    /// A frost command line that uses the same state as this one.
    func command(_ text: String) -> String { hint.command(text) }

    var postgresImage: String? { Self.value(nil, "FROST_POSTGRES_IMAGE") }
    /// Of the engine.
    var dockerSocket: String { Self.value(nil, "FROST_DOCKER_SOCKET") ?? DockerRuntime.defaultSocket }
    var dockerNetwork: String? { Self.value(nil, "FROST_DOCKER_NETWORK") }
    var postgresPrograms: String? { Self.value(postgresBin, "FROST_POSTGRES_BIN") }

    /// - Throws: ``BranchError/invalid(_:)``.
    func hostPortRange() throws(BranchError) -> ClosedRange<Int> {
        guard let text = Self.value(hostPorts, "FROST_HOST_PORTS") else { return BranchManager.defaultHostPorts }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0).map(Int.init) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], first > 0, first <= last else {
            throw .invalid("invalid port range '\(text)'; use one such as 10000-20000")
        }
        return first...last
    }

    /// The requested route map as an absolute path; nil for the stored setting.
    var wantedRouteFile: String? {
        Self.value(routeFile, "FROST_ROUTE_FILE").map { URL(fileURLWithPath: $0).standardizedFileURL.path }
    }
}
