import Foundation
import GatewayContract
import GatewayCore
import GatewayHardening
import RouteMap

/// The gateway's metrics.
///
/// Labels have the ids of branches in the route map, names of certificates, and closed sets: nothing that a client
/// has sent.
enum Metrics {
    /// Reads files of the kernel: never on an event loop.
    static func text(of gateway: GatewayServer) -> String {
        var text = PrometheusText()
        addConnections(of: gateway, to: &text)
        addTargets(of: gateway, to: &text)
        addErrors(of: gateway.metrics, to: &text)
        addDurations(of: gateway.metrics, to: &text)
        addRoutes(of: gateway, to: &text)
        addCertificates(of: gateway, to: &text)
        text.add(.buildInfo, [.init([gateway.version], 1)])
        if let usage = ProcessUsage.current() { add(usage, to: &text) }
        return text.text
    }

    private static func addConnections(of gateway: GatewayServer, to text: inout PrometheusText) {
        let outcomes = gateway.metrics.outcomes
        text.add(.startupsActive, gateway.registry.startupCount)
        text.add(.handshakesActive, gateway.metrics.activeHandshakes)
        text.add(.handshakesWaiting, gateway.registry.waitingHandshakeCount)
        text.add(.connections, outcomes) { $0.label }
        let cancels: [(String, ConnectionOutcome)] = [
            ("forwarded", .cancelForwarded), ("unknown", .cancelUnknown), ("failed", .cancelFailed),
        ]
        text.add(.cancelRequests, cancels.map { .init([$0], outcomes[$1, default: 0]) })
        text.add(.routeMisses, outcomes[.refused(.unknownHostname), default: 0])
    }

    private static func addTargets(of gateway: GatewayServer, to text: inout PrometheusText) {
        let targets = gateway.registry.targetCounts().sorted { $0.key < $1.key }
        text.add(.connectionsActive, targets.map { .init([$0.key], $0.value.sessions) })
        text.add(.sessions, targets.map { .init([$0.key], $0.value.counts.sessions) })
        text.add(
            .bytes,
            targets.flatMap { target, value in
                [
                    .init([BytesDirection.in.rawValue, target], value.counts.bytesIn),
                    .init([BytesDirection.out.rawValue, target], value.counts.bytesOut),
                ]
            }
        )
        text.add(
            .backendDialErrors,
            targets.flatMap { target, value in
                DialFailure.allCases.map { reason in
                    .init([reason.rawValue, target], value.counts.dialFailures[reason, default: 0])
                }
            }
        )
        text.add(.authenticationFailures, targets.map { .init([$0.key], $0.value.counts.authenticationFailures) })
    }

    private static func addErrors(of metrics: MetricsRegistry, to text: inout PrometheusText) {
        text.add(.handshakeErrors, metrics.handshakeFailures)
        text.add(.limitRejections, metrics.limitRejections)
        text.add(.evictions, metrics.evictions.all)
        text.add(.routeReloads, metrics.routeReloads.all)
        text.add(.certificateReloads, metrics.certificateReloads.all)
    }

    private static func addDurations(of metrics: MetricsRegistry, to text: inout PrometheusText) {
        text.add(.handshakeDuration, metrics.histogram { $0.handshakeDurations })
        text.add(.backendDialDuration, metrics.histogram { $0.dialDurations })
        text.add(.startupDuration, metrics.histogram { $0.startupDurations })
        text.add(.sessionDuration, metrics.histogram { $0.sessionDurations })
        text.add(.eventLoopLag, metrics.histogram { $0.lags })
    }

    private static func addRoutes(of gateway: GatewayServer, to text: inout PrometheusText) {
        let routes = gateway.routes.current
        let conflicting = routes.conflicts.reduce(0) { $0 + $1.routes.count }
        let states: [RouteState: Int] = [
            .active: routes.listedRoutes.count - conflicting, .stopped: routes.listedStopped.count,
            .conflicting: conflicting,
        ]
        text.add(.routes, states)
        text.add(.routeAddressConflicts, routes.conflicts.count)
        let now = gateway.clock.now
        let period = gateway.routes.period
        if let since = period?.confirmation.confirmedAt ?? gateway.routes.loadedAt {
            // Whole seconds. A clock that was set back makes no negative age.
            text.add(.routeMapAge, Int(max(0, now.wall.timeIntervalSince(since))))
        }
        text.add(.routeMapExpired, period?.isOver(at: now) == true ? 1 : 0)
        text.add(.routeMapStale, gateway.routes.fault == nil ? 0 : 1)
    }

    private static func addCertificates(of gateway: GatewayServer, to text: inout PrometheusText) {
        // Two pairs may be for one name: the pair for all other names beside one of a file of its name.
        var expiries: [String: Int] = [:]
        for (name, pair) in gateway.certificates.current.entries {
            let label = name ?? pair.names.first ?? "default"
            let expiry = Int(pair.notAfter.timeIntervalSince1970)
            expiries[label] = min(expiry, expiries[label] ?? expiry)
        }
        text.add(.certificatesStale, gateway.certificates.faults.count)
        text.add(.hostnamesUncovered, gateway.certificates.uncovered(in: gateway.routes).count)
        text.add(.certificateExpiry, expiries.sorted { $0.key < $1.key }.map { .init([$0.key], $0.value) })
    }

    private static func add(_ usage: ProcessUsage, to text: inout PrometheusText) {
        text.add(.processCPU, usage.cpuSeconds)
        text.add(.processResidentMemory, usage.residentBytes)
        text.add(.processVirtualMemory, usage.virtualBytes)
        if let openFiles = usage.openFiles { text.add(.processOpenFiles, openFiles) }
        if let maximumFiles = usage.maximumFiles { text.add(.processMaximumFiles, maximumFiles) }
        if let startTime = usage.startTime { text.add(.processStartTime, startTime) }
    }
}
