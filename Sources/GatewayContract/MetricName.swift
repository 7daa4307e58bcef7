/// The gateway's metrics: their names, types, labels and help texts.
package enum MetricName: String, CaseIterable, Sendable {
    // Connections
    case connectionsActive = "postgres_gateway_connections_active"
    case startupsActive = "postgres_gateway_startups_active"
    case handshakesActive = "postgres_gateway_handshakes_active"
    case handshakesWaiting = "postgres_gateway_handshakes_waiting"
    case connections = "postgres_gateway_connections_total"
    case sessions = "postgres_gateway_sessions_total"
    case bytes = "postgres_gateway_bytes_total"
    case cancelRequests = "postgres_gateway_cancel_requests_total"

    // Errors and limits
    case routeMisses = "postgres_gateway_route_misses_total"
    case handshakeErrors = "postgres_gateway_handshake_errors_total"
    case backendDialErrors = "postgres_gateway_backend_dial_errors_total"
    case authenticationFailures = "postgres_gateway_authentication_failures_total"
    case limitRejections = "postgres_gateway_limit_rejections_total"
    case evictions = "postgres_gateway_evictions_total"

    // Durations
    case handshakeDuration = "postgres_gateway_handshake_duration_seconds"
    case backendDialDuration = "postgres_gateway_backend_dial_duration_seconds"
    case startupDuration = "postgres_gateway_startup_duration_seconds"
    case sessionDuration = "postgres_gateway_session_duration_seconds"
    case eventLoopLag = "postgres_gateway_event_loop_lag_seconds"

    // Route map and certificates
    case routes = "postgres_gateway_routes"
    case routeAddressConflicts = "postgres_gateway_route_address_conflicts"
    case routeMapAge = "postgres_gateway_route_map_age_seconds"
    case routeMapExpired = "postgres_gateway_route_map_expired"
    case routeMapStale = "postgres_gateway_route_map_stale"
    case routeReloads = "postgres_gateway_route_reloads_total"
    case certificateExpiry = "postgres_gateway_certificate_expiry_seconds"
    case certificateReloads = "postgres_gateway_certificate_reloads_total"
    case certificatesStale = "postgres_gateway_certificates_stale"
    case hostnamesUncovered = "postgres_gateway_hostnames_uncovered"

    // The program, by the names that Prometheus's own clients use
    case buildInfo = "postgres_gateway_build_info"
    case processCPU = "process_cpu_seconds_total"
    case processResidentMemory = "process_resident_memory_bytes"
    case processVirtualMemory = "process_virtual_memory_bytes"
    case processOpenFiles = "process_open_fds"
    case processMaximumFiles = "process_max_fds"
    case processStartTime = "process_start_time_seconds"

    /// A metric's type in Prometheus.
    package enum Kind: String, Sendable {
        /// Counts up from the start of the gateway.
        case counter
        /// The current value.
        case gauge
        /// Counts of durations in fixed buckets: `_bucket`, `_sum` and `_count`.
        case histogram
    }

    package var kind: Kind {
        switch self {
        case .connections, .sessions, .bytes, .cancelRequests, .routeMisses, .handshakeErrors, .backendDialErrors,
            .authenticationFailures, .limitRejections, .evictions, .routeReloads, .certificateReloads, .processCPU:
            .counter
        case .handshakeDuration, .backendDialDuration, .startupDuration, .sessionDuration, .eventLoopLag:
            .histogram
        case .connectionsActive, .startupsActive, .handshakesActive, .handshakesWaiting, .routes,
            .routeAddressConflicts, .routeMapAge, .routeMapExpired, .routeMapStale, .certificatesStale,
            .certificateExpiry, .hostnamesUncovered,
            .buildInfo, .processResidentMemory, .processVirtualMemory, .processOpenFiles, .processMaximumFiles,
            .processStartTime:
            .gauge
        }
    }

    /// In the order in which a series has them. The `le` of a histogram's buckets is not among them.
    package var labels: [MetricLabel] {
        switch self {
        case .connectionsActive, .sessions, .authenticationFailures: [.target]
        case .bytes: [.direction, .target]
        case .backendDialErrors: [.reason, .target]
        case .connections, .cancelRequests: [.outcome]
        case .handshakeErrors: [.reason]
        case .limitRejections, .evictions: [.limit]
        case .routeReloads, .certificateReloads: [.result]
        case .routes: [.state]
        case .certificateExpiry: [.name]
        case .buildInfo: [.version]
        case .startupsActive, .handshakesActive, .handshakesWaiting, .routeMisses, .handshakeDuration,
            .backendDialDuration, .startupDuration, .sessionDuration, .eventLoopLag, .routeAddressConflicts,
            .routeMapAge, .routeMapExpired, .routeMapStale, .certificatesStale, .hostnamesUncovered, .processCPU,
            .processResidentMemory,
            .processVirtualMemory, .processOpenFiles, .processMaximumFiles, .processStartTime:
            []
        }
    }

    /// What it measures, in one sentence.
    package var help: String {
        switch self {
        case .connectionsActive: "Sessions open now, by branch."
        case .startupsActive: "Connections that have no session yet, and refused ones that have yet to close."
        case .handshakesActive: "TLS handshakes in progress, those that wait for their turn included."
        case .handshakesWaiting: "TLS handshakes waiting for their turn."
        case .connections: "Closed connections, by outcome."
        case .sessions: "Sessions that reached a branch: its server answered. Failed logins are included."
        case .bytes:
            "Bytes relayed without TLS, by branch and direction: in is from clients to the branch, out is to clients."
        case .cancelRequests:
            "Requests to cancel a query: forwarded to the branch, unknown to the gateway, or failed on the way."
        case .routeMisses: "Connections refused because no branch has the hostname."
        case .handshakeErrors: "TLS handshakes that failed, by reason."
        case .backendDialErrors: "Failed connections to a branch's server, by reason and branch."
        case .authenticationFailures: "Logins rejected by the server, by branch."
        case .limitRejections: "Connections refused because a limit was reached, by limit."
        case .evictions: "Connections closed in favor of others because a limit was reached, by limit."
        case .handshakeDuration:
            "Time from the complete ClientHello to the end of the TLS handshake. Failed handshakes are not included."
        case .backendDialDuration:
            "Time to open a connection to a branch's server. Failed connections are not included."
        case .startupDuration: "Time from accepting a connection until the server is ready for its first query."
        case .sessionDuration: "Length of ended sessions, from the server's first answer to the end of the client."
        case .eventLoopLag:
            "How late a task ran that each event loop schedules every second; long times mean that the loop was busy."
        case .routes: "Hostnames in the route map: active, of stopped branches, or refused for a shared address."
        case .routeAddressConflicts: "Addresses shared by routes of different branches."
        case .routeMapAge: "Time since the route map was confirmed, or loaded if it needs no confirmation."
        case .routeMapExpired:
            "1 if the route map was not confirmed in time, so that new connections are refused, else 0."
        case .routeReloads: "Changed route maps that were loaded, or could not be."
        case .routeMapStale:
            "1 if the route map file cannot be loaded, so that the previous map stays in effect, else 0."
        case .certificateExpiry: "When each certificate expires, in seconds since the Unix epoch."
        case .certificateReloads: "Changed certificates that were loaded, or could not be."
        case .certificatesStale:
            "Certificates whose files cannot be loaded; the previous ones, if any, stay in effect."
        case .hostnamesUncovered: "Hostnames in the route map that no certificate covers."
        case .buildInfo: "Always 1; the label is the version of the gateway."
        case .processCPU: "Total user and system CPU time spent in seconds."
        case .processResidentMemory: "Resident memory size in bytes."
        case .processVirtualMemory: "Virtual memory size in bytes."
        case .processOpenFiles: "Number of open file descriptors."
        case .processMaximumFiles: "Maximum number of open file descriptors."
        case .processStartTime: "Start time of the process since the Unix epoch in seconds."
        }
    }
}

/// The labels of metrics. Their values are closed sets, branches of the route map, and names of certificates.
package enum MetricLabel: String, CaseIterable, Sendable {
    /// ``BytesDirection``.
    case direction
    /// A limit's name, as `/readyz` and the log have it.
    case limit
    /// A DNS name of a certificate.
    case name
    /// How a connection or a request ended.
    case outcome
    /// Why something failed.
    case reason
    /// ``ReloadOutcome``.
    case result
    /// ``RouteState``.
    case state
    /// The id by which the route map has a branch. Its series exist while the route map lists it, stopped or not.
    case target
    case version
}

/// The values of ``MetricLabel/direction``.
package enum BytesDirection: String, CaseIterable, Sendable {
    /// From clients to the branch.
    case `in`
    /// From the branch to clients.
    case out
}

/// The result of reloading the route map or the certificates: the values of ``MetricLabel/result``.
package enum ReloadOutcome: String, CaseIterable, Sendable {
    case loaded
    /// Something was invalid; the previous version stays in effect.
    case failed
}

/// The values of ``MetricLabel/state``.
package enum RouteState: String, CaseIterable, Sendable {
    case active
    case stopped
    /// Refused, since another branch has the same address.
    case conflicting
}
