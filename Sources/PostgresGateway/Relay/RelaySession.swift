import GatewayCore
import Logging
import NIOCore
import PostgresWire
import RouteMap

/// The two legs of a session on one event loop: what comes in on one goes out on the other.
///
/// Backpressure: a leg is read only while the other one takes what was read. Bytes are opaque but
/// for the server's messages up to its first ReadyForQuery, which are looked at in passing.
final class RelaySession {
    /// Most bytes of payload in one TLS record to the client.
    ///
    /// Asynchronous libpq clients read 8 KiB at a time and hang when TLS holds back more of a record
    /// than they asked for; PostgreSQL itself never writes larger ones (`secure_write`, 8 KiB
    /// buffer). NIOSSL makes one record of every buffer up to 16 KiB, so the buffers are cut.
    static let maximumRecordPayload = 8_192

    private let route: Route
    private let record: SessionRecord
    private let gateway: GatewayState
    private var machine = RelayMachine()
    private var scanner: BackendStartupScanner? = BackendStartupScanner()
    private var key: CancelKey?
    private var client: ChannelHandlerContext?
    private var backend: ChannelHandlerContext?
    private var isClientReadPending = false
    private var isBackendReadPending = false
    private var linger: Scheduled<Void>?
    /// Who ended the session first, for the log.
    private var endReason: String?

    init(route: Route, record: SessionRecord, gateway: GatewayState) {
        self.route = route
        self.record = record
        self.gateway = gateway
    }

    /// Sends the StartupMessage, and what the client sent behind it, to the backend.
    func start(toBackend bytes: ByteBuffer) {
        record.bytesIn += bytes.readableBytes
        backend?.writeAndFlush(NIOAny(bytes), promise: nil)
    }

    // MARK: Attaching

    func attach(_ context: ChannelHandlerContext, as side: Side) {
        switch side {
        case .client: client = context
        case .backend: backend = context
        }
    }

    func detach(_ side: Side) {
        switch side {
        case .client: client = nil
        case .backend: backend = nil
        }
    }

    private func context(_ side: Side) -> ChannelHandlerContext? {
        switch side {
        case .client: client
        case .backend: backend
        }
    }

    // MARK: Bytes

    func received(_ bytes: ByteBuffer, from side: Side) {
        switch side {
        case .client:
            record.bytesIn += bytes.readableBytes
            backend?.write(NIOAny(bytes), promise: nil)
        case .backend:
            // The key is known before the client can have it, so no cancel comes too early.
            if scanner != nil { scan(bytes) }
            if record.bytesOut == 0 { record.logStart() }
            record.bytesOut += bytes.readableBytes
            sendToClient(bytes)
        }
    }

    func readCompleted(_ side: Side) {
        context(side.other)?.flush()
    }

    private func sendToClient(_ bytes: ByteBuffer) {
        guard let client else { return }
        var rest = bytes
        while rest.readableBytes > Self.maximumRecordPayload,
            let part = rest.readSlice(length: Self.maximumRecordPayload)
        {
            client.write(NIOAny(part), promise: nil)
        }
        client.write(NIOAny(rest), promise: nil)
    }

    private func scan(_ bytes: ByteBuffer) {
        if let found = scanner?.observe(bytes), key == nil, let address = backend?.remoteAddress {
            key = found
            gateway.cancelKeys.add(found, session: record.id, backend: address)
        }
        if scanner?.isFinished == true { scanner = nil }
    }

    // MARK: Backpressure

    /// Whether this leg may be read now; if not, it is read when the other leg is writable again.
    func mayRead(_ side: Side) -> Bool {
        // A leg that is closed takes nothing any more: what is read for it is dropped, so that its
        // partner can get rid of what it still sends, and end.
        let isAllowed = context(side.other).map { !$0.channel.isActive || $0.channel.isWritable } ?? true
        setReadPending(!isAllowed, side)
        return isAllowed
    }

    func writabilityChanged(_ side: Side) {
        guard let written = context(side), written.channel.isWritable else { return }
        let reading = side.other
        guard reading == .client ? isClientReadPending : isBackendReadPending else { return }
        setReadPending(false, reading)
        context(reading)?.read()
    }

    private func setReadPending(_ isPending: Bool, _ side: Side) {
        switch side {
        case .client: isClientReadPending = isPending
        case .backend: isBackendReadPending = isPending
        }
    }

    // MARK: Ending

    func inputClosed(_ side: Side) {
        note("\(side.rawValue)_closed")
        if side == .backend { refuseIfSilent() }
        run(machine.inputClosed(side))
    }

    func closed(_ side: Side) {
        note("\(side.rawValue)_closed")
        if side == .backend { refuseIfSilent() }
        // The session is now the other leg's alone: a stop has to find it there.
        if let other = context(side.other) { gateway.sessions.move(record.id, to: other.channel) }
        run(machine.closed(side))
        setReadPending(false, side.other)
        context(side.other)?.read()
    }

    func failed(_ side: Side, _ error: any Error) {
        note("\(side.rawValue)_error")
        record.failure = error
        context(side)?.closeNow()
    }

    func closeNow(because reason: String) {
        note(reason)
        client?.closeNow()
        backend?.closeNow()
    }

    private func note(_ reason: String) {
        if endReason == nil { endReason = reason }
    }

    /// A backend that accepted and closed without a byte, as a port forwarder in front of a stopped
    /// container does: the client is told what it would be told of a refused dial.
    private func refuseIfSilent() {
        guard record.bytesOut == 0, let client, client.channel.isActive else { return }
        let refusal = Refusal.backendUnavailable(route)
        record.logRefusal(refusal)
        var buffer = client.channel.allocator.buffer(capacity: 512)
        refusal.errorResponse.encode(into: &buffer)
        record.bytesOut += buffer.readableBytes
        client.write(NIOAny(buffer), promise: nil)
    }

    private func run(_ actions: [RelayMachine.Action]) {
        for action in actions {
            switch action {
            case .finishOutput(let side):
                guard let context = context(side) else { continue }
                context.finishOutput { [self] in run(machine.outputFinished(side)) }
            case .startLinger(let side):
                linger = context(side)?.eventLoop.assumeIsolated().scheduleTask(in: ConnectionTimes.linger) {
                    [self] in run(machine.lingerExpired(side))
                }
            case .close(let side):
                context(side)?.closeNow()
            case .end:
                end()
            }
        }
    }

    private func end() {
        linger?.cancel()
        if let key { gateway.cancelKeys.remove(key, session: record.id) }
        gateway.sessions.remove(record.id)
        record.logEnd(reason: endReason ?? "unknown")
    }
}

@available(*, unavailable)
extension RelaySession: Sendable {}
