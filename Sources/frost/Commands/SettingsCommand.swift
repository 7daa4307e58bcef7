import ArgumentParser
import BranchManager
import FrostServer
import RouteMap
import RouteSync

/// `frost settings`
struct SettingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Show settings, or change them.",
        discussion:
            """
            --route-file moves the route map and empties the old one; change the gateway's setting too.

            A new --wildcard-base changes the hostnames of all branches: the command lists them and asks you to type \
            the new domain.
            """
    )

    @OptionGroup(title: "Global options") var options: FrostOptions
    @Option(help: "Domain of the hostnames: <branch>.pg.<project>.<base>; none for no hostnames.") var wildcardBase:
        String?
    @Flag(help: "Change hostnames without asking.") var yes = false
    @Option(
        help: "How long old hostnames keep working: 1m to 90d, e.g. 7d. (default: not at all)"
    )
    var keepHostnames: String?
    @Option(help: "Use the gateway: true or false; frost up starts or ends it.")
    var gatewayEnabled: Bool?
    @Option(help: "The gateway's port; a gateway of frost up moves there.") var gatewayPort: Int?
    @Option(
        help:
            "Image of branches in containers, such as postgres:16, or postgres:{major} for all versions."
    )
    var postgresImage: String?
    @Option(help: "Memory limit of a branch's container from its next start, e.g. 512MiB; none for no limit.")
    var containerMemory: String?
    @Option(help: "CPU limit of a branch's container from its next start, e.g. 1.5; none for no limit.")
    var containerCpus: String?

    private struct Shown: Encodable {
        @OrNull var wildcardBase: String?
        var gatewayEnabled: Bool
        var gatewayPort: Int
        @OrNull var gatewayFault: String?
        var routeFile: String
        var postgresImage: String
        @OrNull var containerMemory: Int?
        @OrNull var containerNanoCPUs: Int?
    }

    func run() async throws {
        try await ErrorOutput.exiting(options) {
            // Before signals are deferred: Ctrl-C must be able to answer the question.
            let wildcard = try await wantedWildcard()
            let moved = options.routeFile == nil ? nil : options.wantedRouteFile
            // A running `frost up` would keep using the old one.
            let lock = moved == nil ? nil : try UpLock(options.dataDirectory)
            let context = try await FrostContext.open(options, movesRouteFile: moved != nil)
            if let moved, moved != context.routeFile { try await context.moveRouteFile(to: moved) }
            withExtendedLifetime(lock) {}
            try await change(context, wildcard)
            try show(context, routeFile: moved ?? context.routeFile)
        }
    }

    /// The new wildcard domain after confirmation; `.some(nil)` for none.
    private func wantedWildcard() async throws -> Hostname?? {
        guard let wildcardBase else {
            if keepHostnames != nil { throw BranchError.invalid("--keep-hostnames needs --wildcard-base") }
            return nil
        }
        let base = wildcardBase == "none" ? nil : try WildcardDomain.parse(wildcardBase)
        let keeps = try keepHostnames.map { try AliasDuration($0) }
        guard !yes, BranchStore.exists(in: options.dataDirectory) else { return .some(base) }
        let store = try FrostContext.store(options)
        let preview = try await WildcardPreview(
            of: base,
            in: store,
            gateway: GatewayLook.condition(store, in: options.dataDirectory).answer,
            issuesCertificates: store.hasOwnCertificates() == true
        )
        try WildcardQuestion(preview: preview, keeps: keeps).ask()
        return .some(base)
    }

    private func change(_ context: FrostContext, _ wildcard: Hostname??) async throws {
        let store = context.store
        let change = SettingsChange(
            wildcardBase: wildcard,
            keepsHostnamesFor: try keepHostnames.map { try AliasDuration($0) },
            isGatewayEnabled: gatewayEnabled,
            gatewayPort: gatewayPort
        )
        if wildcardBase != nil || gatewayEnabled != nil || gatewayPort != nil {
            try await context.manager.changeSettings(change)
        }
        if let postgresImage { try store.setPostgresImage(postgresImage) }
        var limits = try store.containerLimits()
        if let containerMemory { limits.memory = try DockerRuntime.Limits.memory(containerMemory) }
        if let containerCpus { limits.nanoCPUs = try DockerRuntime.Limits.nanoCPUs(containerCpus) }
        if containerMemory != nil || containerCpus != nil { try store.setContainerLimits(limits) }
    }

    private func show(_ context: FrostContext, routeFile: String) throws {
        let store = context.store
        let limits = try store.containerLimits()
        let shown = Shown(
            wildcardBase: try store.wildcardBase()?.name,
            gatewayEnabled: try store.isGatewayEnabled(),
            gatewayPort: try store.gatewayPort(),
            gatewayFault: try store.gatewayFault(),
            routeFile: routeFile,
            postgresImage: try options.postgresImage ?? store.postgresImage() ?? DockerRuntime.defaultImage,
            containerMemory: limits.memory,
            containerNanoCPUs: limits.nanoCPUs
        )
        if options.json { return try Output.json(shown) }
        Output.table(
            ["SETTING", "VALUE"],
            [
                ["wildcard domain", shown.wildcardBase ?? "-"], ["gateway enabled", String(shown.gatewayEnabled)],
                ["gateway port", String(shown.gatewayPort)], ["gateway fault", shown.gatewayFault ?? "-"],
                ["route file", shown.routeFile],
                ["postgres image", shown.postgresImage],
                ["container memory", shown.containerMemory.map { "\($0) bytes" } ?? "-"],
                ["container processors", shown.containerNanoCPUs.map { String(Double($0) / 1e9) } ?? "-"],
            ]
        )
    }
}

/// `frost recover`
struct Recover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Finish or undo operations interrupted by a crash, and start servers that should run.",
        discussion: """
            Lists data of branches that the store does not know, without changing it. Exits with 1 and prints the \
            reason if an operation could not be recovered.
            """
    )

    @OptionGroup(title: "Global options") var options: FrostOptions

    func run() async throws {
        try await ErrorOutput.exiting(options) {
            let context = try await FrostContext.open(options, checksServers: true, retrying: .all)
            for stranger in try await context.manager.strangers() { ErrorOutput.print(stranger) }
            try ShownBranch.show(context.store.branches(), json: options.json)
            if context.faults > 0 { throw ExitCode.failure }
        }
    }
}
