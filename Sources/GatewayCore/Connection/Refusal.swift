package import PostgresWire
package import RouteMap

/// Why a client is refused with an ErrorResponse. The raw value is the label in metrics and logs.
package enum RefusalReason: String, CaseIterable, Hashable, Sendable {
    case tlsRequired = "tls_required"
    case noServerName = "no_server_name"
    case unknownHostname = "unknown_hostname"
    case branchStopped = "branch_stopped"
    case addressConflict = "address_conflict"
    case routeMapUnconfirmed = "route_map_unconfirmed"
    case backendUnavailable = "backend_unavailable"
    case shuttingDown = "shutting_down"
    case tooManyConnections = "too_many_connections"
    case tooManyFailedLogins = "too_many_failed_logins"
    case authenticationTimeout = "authentication_timeout"
    case malformedStartup = "malformed_startup"
    case nestedRequest = "nested_request"
    case directTLSWithoutALPN = "direct_tls_without_alpn"
    case unsupportedProtocol = "unsupported_protocol"

    /// The SQLSTATE of each condition: the only place that assigns one.
    package var sqlState: SQLState {
        switch self {
        case .tlsRequired, .tooManyFailedLogins: .invalidAuthorization
        case .noServerName: .connectionRejected
        case .unknownHostname: .invalidCatalogName
        case .branchStopped, .addressConflict, .routeMapUnconfirmed, .backendUnavailable, .shuttingDown:
            .cannotConnectNow
        case .tooManyConnections: .tooManyConnections
        case .authenticationTimeout: .queryCanceled
        case .malformedStartup, .nestedRequest, .directTLSWithoutALPN: .protocolViolation
        case .unsupportedProtocol: .featureNotSupported
        }
    }
}

/// A refusal as its client sees it. Names the hostname and the branch, never an address, a port, a
/// user or a database of the backend.
package struct Refusal: Hashable, Sendable {
    package let reason: RefusalReason
    package let message: String
    package let detail: String?
    package let hint: String
    /// The limit that is reached, where one is.
    package let limit: Limit?
    /// The branch that was asked for, where there is one.
    package let target: Target?

    package var errorResponse: ErrorResponse {
        ErrorResponse(sqlState: reason.sqlState, message: message, detail: detail, hint: hint)
    }

    private init(
        _ reason: RefusalReason,
        message: String,
        detail: String? = nil,
        hint: String,
        limit: Limit? = nil,
        target: Target? = nil
    ) {
        self.detail = detail
        self.limit = limit
        self.target = target
        self.reason = reason
        self.message = message
        self.hint = hint
    }

    package static let tlsRequired = Refusal(
        .tlsRequired,
        message: "TLS is required for this connection",
        hint: "Connect with sslmode=require."
    )

    package static let noServerName = Refusal(
        .noServerName,
        message: "the client sent no server name, so its branch cannot be found",
        hint: "Connect to the branch's hostname, not to an IP address, with a client that sends the "
            + "TLS server name (SNI): libpq and psql 14 or newer, or a current driver."
    )

    package static func unknownHostname(_ serverName: String) -> Refusal {
        Refusal(
            .unknownHostname,
            message: "no branch has the hostname \"\(DisplayName.escape(serverName))\"",
            hint: "Check the spelling, or copy the connection string again: "
                + "the branch may have been renamed or deleted."
        )
    }

    package static func branchStopped(_ route: StoppedRoute) -> Refusal {
        Refusal(
            .branchStopped,
            message: "the branch \"\(branch(route.target))\" (\(route.hostname)) is stopped",
            hint: "Start the branch, then connect again.",
            target: route.target
        )
    }

    package static func addressConflict(_ route: Route) -> Refusal {
        Refusal(
            .addressConflict,
            message:
                "the branch \"\(branch(route.target))\" (\(route.hostname)) shares its address with another branch in the route map",
            hint: "Correct the route map; the gateway's log names both branches.",
            target: route.target
        )
    }

    package static let routeMapUnconfirmed = Refusal(
        .routeMapUnconfirmed,
        message: "the route map is no longer confirmed",
        hint: "Start the program that writes the route map (\"frost sync\"), or check its log. "
            + "The gateway accepts connections again once that program confirms the map."
    )

    package static func backendUnavailable(_ route: Route) -> Refusal {
        Refusal(
            .backendUnavailable,
            message: "the branch \"\(branch(route.target))\" (\(route.hostname)) is not accepting connections",
            hint:
                "It may still be starting; try again in a moment. If the problem persists, check the branch's state and log.",
            target: route.target
        )
    }

    package static let shuttingDown = Refusal(
        .shuttingDown,
        message: "the gateway is shutting down",
        hint: "Try again in a moment."
    )

    /// PostgreSQL's own words are "sorry, too many clients already" (`InitProcess`); the detail says whose limit it is.
    package static func limitReached(_ limit: Limit, _ route: Route) -> Refusal {
        let name = "\(branch(route.target))"
        let (detail, hint): (String, String) =
            switch limit {
            case .connectionsPerRoute:
                (
                    "The branch \"\(name)\" has reached its connection limit.",
                    "Close unused connections, or use a connection pool."
                )
            case .connectionsPerAddress:
                (
                    "Your address has reached its connection limit.",
                    "Close unused connections, or use a connection pool."
                )
            case .unauthenticatedPerRoute:
                (
                    "The branch \"\(name)\" has reached its limit of unauthenticated connections.",
                    "Try again in a moment."
                )
            case .unauthenticatedPerAddress:
                (
                    "Your address has reached its limit of unauthenticated connections.",
                    "Try again in a moment, or open fewer connections at once."
                )
            case .connections, .startups, .startupsPerAddress, .handshakes, .authenticationFailures:
                (
                    "The gateway has reached its connection limit.",
                    "Close unused connections, use a connection pool, "
                        + "or raise FROST_POSTGRES_GATEWAY_MAX_CONNECTIONS."
                )
            }
        return Refusal(
            .tooManyConnections,
            message: "too many connections",
            detail: detail,
            hint: hint,
            limit: limit,
            target: route.target
        )
    }

    package static func tooManyFailedLogins(_ route: Route) -> Refusal {
        Refusal(
            .tooManyFailedLogins,
            message: "too many failed logins",
            detail: "Too many logins from your address to the branch \"\(branch(route.target))\" have failed.",
            hint: "Check the user name and the password, and try again in a minute.",
            limit: .authenticationFailures,
            target: route.target
        )
    }

    /// PostgreSQL's own words (`ProcessInterrupts`).
    package static func authenticationTimeout(_ route: Route) -> Refusal {
        Refusal(
            .authenticationTimeout,
            message: "canceling authentication due to timeout",
            hint: "Send the password sooner, or check whether the branch responds.",
            target: route.target
        )
    }

    package static let malformedStartup = Refusal(
        .malformedStartup,
        message: "invalid startup packet",
        hint: "The packet violates the PostgreSQL protocol; update the driver."
    )

    package static let nestedRequest = Refusal(
        .nestedRequest,
        message: "received an encryption request on a connection that is already encrypted",
        hint: "Use either sslmode=require or sslnegotiation=direct, and no second TLS layer."
    )

    package static let directTLSWithoutALPN = Refusal(
        .directTLSWithoutALPN,
        message: "received direct SSL connection request without ALPN protocol negotiation extension",
        hint: "Offer the ALPN protocol \"postgresql\", or use sslnegotiation=postgres."
    )

    package static func unsupportedProtocol(_ version: ProtocolVersion) -> Refusal {
        Refusal(
            .unsupportedProtocol,
            message: "unsupported frontend protocol \(version)",
            hint: "Use a client that speaks version 3 of the PostgreSQL protocol."
        )
    }

    private static func branch(_ target: Target) -> String {
        DisplayName.escape("\(target.database)/\(target.name)")
    }
}
