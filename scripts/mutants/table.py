"""The mutations of the gateway: one text in one file, another in its place, and the suites that should notice.

Left out, since they change nothing: `renegotiationSupport` (NIOSSL's default), the list of groups (BoringSSL's defaults
are the same four), TCP_NODELAY of both legs (NIO's bootstraps set it by themselves), and that a drain counts no lingers
(it sends them away as well, so that either is enough).
"""

from dataclasses import dataclass


@dataclass
class Mutant:
    name: str
    file: str
    old: str
    new: str
    #: A filter of test names, or `SOAK`.
    suites: str


#: Not a suite: the mutation is tried by the short form of the soak, without faults.
SOAK = "soak"

CORE = "Sources/GatewayCore"
ADMISSION = "Sources/GatewayHardening/Admission"
GATEWAY = "Sources/PostgresGateway"

MUTANTS = [
    # The way of a connection
    Mutant(
        "route-after-dial",
        f"{GATEWAY}/Downstream/ClientHandler.swift",
        "services.router.serves(route) ? machine.dialed() : machine.routeGone()",
        "machine.dialed()",
        "DialTests",
    ),
    Mutant(
        "connect-timeout",
        f"{GATEWAY}/Downstream/ClientHandler.swift",
        "            .connectTimeout(services.times.connect)\n",
        "",
        "DialTests",
    ),
    Mutant(
        "held-read-while-dialling",
        f"{GATEWAY}/Downstream/ClientHandler.swift",
        "if machine.wantsRead { context.read() } else { hasPendingRead = true }",
        "context.read()",
        "DialTests",
    ),
    Mutant(
        "read-after-refused-dial",
        f"{GATEWAY}/Downstream/ClientHandler.swift",
        "        if hasPendingRead { context.read() }\n",
        "",
        "DialTests",
    ),
    Mutant(
        "linger-of-refusal",
        f"{GATEWAY}/Downstream/ClientHandler.swift",
        "        schedule(services.times.linger, context) { $0.lingerExpired() }\n",
        "",
        "EndsTests",
    ),
    # TLS
    Mutant(
        "tls-minimum-version",
        f"{GATEWAY}/TLS/TLSContextFactory.swift",
        "case .tls12: .tlsv12",
        "case .tls12: .tlsv1",
        "TLSBaselineTests",
    ),
    Mutant(
        "tls-suites",
        f"{GATEWAY}/TLS/TLSContextFactory.swift",
        '        configuration.cipherSuites = TLSBaseline.cipherSuites.joined(separator: ":")\n',
        "",
        "TLSBaselineTests",
    ),
    Mutant(
        "alert-lost",
        f"{GATEWAY}/Downstream/TLSAlertHandler.swift",
        "        try? operations.addHandler(TLSAlertHandler(), position: .before(tls))\n",
        "        _ = tls\n",
        "EndsTests",
    ),
    Mutant(
        "pacer-waits-for-no-poll",
        f"{GATEWAY}/Downstream/HandshakePacer.swift",
        "        isSpent = true\n",
        "        isSpent = false\n",
        "HandshakePacingTests",
    ),
    # Sockets
    Mutant(
        "client-keepalive",
        f"{GATEWAY}/Net/SocketOptions.swift",
        "            _ = bootstrap.serverChannelOption(option, value: value)\n",
        "            _ = (option, value)\n",
        "SocketOptionsTests",
    ),
    Mutant(
        "backend-keepalive",
        f"{GATEWAY}/Net/SocketOptions.swift",
        "            for (option, value) in keepalive { try options.setOption(option, value: value) }\n",
        "",
        "SocketOptionsTests",
    ),
    Mutant(
        "keepalive-times",
        f"{GATEWAY}/Net/SocketOptions.swift",
        "        (.init(level: .tcp, name: .init(rawValue: TCP_KEEPIDLE)), keepaliveIdleSeconds),\n",
        "",
        "SocketOptionsTests",
    ),
    Mutant(
        "direct-write-overtakes",
        f"{GATEWAY}/Net/DirectOutput.swift",
        "guard queued == 0, channel.isActive else",
        "guard channel.isActive else",
        "RelayTests",
    ),
    Mutant(
        "direct-write-loses-the-rest",
        f"{GATEWAY}/Net/DirectOutput.swift",
        "        return bytes.readableBytes == 0\n",
        "        return sent > 0\n",
        "RelayTests",
    ),
    Mutant(
        "full-leg-read",
        f"{GATEWAY}/Relay/RelaySession.swift",
        "            return !clientFlow.isFull\n",
        "            return true\n",
        "RelayTests",
    ),
    Mutant(
        "listener-stays-dead",
        f"{GATEWAY}/Net/Listener.swift",
        "Task { await reopen(port: port) }",
        "_ = port",
        "ListenerTests",
    ),
    Mutant(
        "listener-loss-not-in-readyz",
        f"{GATEWAY}/Server/GatewayServer.swift",
        "            listening.store(false, ordering: .releasing)\n",
        "",
        "ListenerTests",
    ),
    Mutant(
        "listener-loss-ends-nothing",
        f"{GATEWAY}/Server/GatewayServer.swift",
        "lost.fail(ListenerLost(cause: error))",
        "_ = error",
        "ListenerTests",
    ),
    Mutant(
        "advice-for-every-exhaustion",
        f"{GATEWAY}/Net/AcceptFailures.swift",
        "error.errnoCode == EMFILE ?",
        "Self.isExhaustion(error) ?",
        "AcceptFailuresTests",
    ),
    # Admission
    Mutant(
        "max-handshakes",
        f"{ADMISSION}/StartupAdmission.swift",
        "handshakes.count > limits.maxHandshakes,",
        "handshakes.count > limits.maxHandshakes + 16,",
        "StartupAdmissionTests",
    ),
    Mutant(
        "no-grace-period",
        f"{ADMISSION}/StartupAdmission.swift",
        "stage == .linger || place.since + Self.gracePeriod <= now",
        "place.since <= now",
        "StartupAdmissionTests",
    ),
    Mutant(
        "newest-is-evicted",
        f"{ADMISSION}/FairQueue.swift",
        "                return line.arrivals[line.first].id\n",
        "                return line.arrivals[line.arrivals.count - 1].id\n",
        "FairQueueTests",
    ),
    Mutant(
        "permit-given-back-twice",
        f"{ADMISSION}/Turnstile.swift",
        "let count = count(of: key) - 1",
        "let count = max(0, count(of: key) - 2)",
        "SessionAdmissionTests",
    ),
    Mutant(
        "branch-permit-kept",
        f"{ADMISSION}/SessionAdmission.swift",
        "        Self.decrement(&byTarget, session.target)\n",
        "",
        "SessionAdmissionTests",
    ),
    Mutant(
        "unauthenticated-permit-kept",
        f"{GATEWAY}/Relay/RelaySession.swift",
        "                services.registry.authenticated(trace.id)\n",
        "",
        "AdmissionTests",
    ),
    Mutant(
        "ipv6-by-address",
        f"{ADMISSION}/AddressKey.swift",
        "bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }",
        "bytes.reduce(0) { $0 &* 257 &+ UInt64($1) }",
        "AddressKeyTests",
    ),
    # Ends
    Mutant(
        "linger-of-relay",
        f"{GATEWAY}/Relay/RelaySession.swift",
        "                schedule(.linger(side), at: .now() + services.times.linger) { [self] in\n"
        "                    run(machine.lingerExpired(side))\n"
        "                }\n",
        "                _ = side\n",
        "EndsTests",
    ),
    Mutant(
        "key-forgotten-at-reset",
        f"{GATEWAY}/Relay/RelaySession.swift",
        "        services.registry.endSession(trace.id)\n",
        "        services.registry.endSession(trace.id)\n"
        "        if let key { services.cancelKeys.remove(key, session: trace.id) }\n",
        "EndsTests",
    ),
    Mutant(
        "grace-never-ends",
        f"{CORE}/Connection/RelayMachine.swift",
        "isRouteGone ? finish() : []",
        "[]",
        "RelayMachineTests|EndsTests",
    ),
    Mutant(
        "told-within-a-message",
        f"{CORE}/Connection/UpstreamMachine.swift",
        "scanner.isBetweenMessages ? refusal : nil",
        "refusal",
        "UpstreamMachineTests|EndsTests",
    ),
    Mutant(
        "terminate-not-recognised",
        f"{GATEWAY}/Relay/RelaySession.swift",
        "hasClientTerminated = TerminateMessage.ends(bytes)",
        "hasClientTerminated = false",
        "EndsTests",
    ),
    # Found by the soak as well
    Mutant(
        "soak-permit-kept",
        f"{ADMISSION}/SessionAdmission.swift",
        "        Self.decrement(&byAddress, session.address)\n",
        "",
        SOAK,
    ),
    Mutant(
        "soak-key-not-forgotten",
        f"{GATEWAY}/Relay/RelaySession.swift",
        "        if let key { services.cancelKeys.remove(key, session: trace.id) }\n",
        "",
        SOAK,
    ),
    Mutant(
        "soak-route-of-the-old-table",
        f"{GATEWAY}/Routing/Router.swift",
        "routes.confirmedTable(at: clock.now)?.serves(route) == true",
        "true",
        SOAK,
    ),
]
