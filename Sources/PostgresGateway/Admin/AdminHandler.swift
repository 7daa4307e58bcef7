import Dispatch
import Foundation
import GatewayContract
import GatewayHardening
import NIOCore
import NIOHTTP1

/// Answers one request and closes.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let services: AdminServices
    private let hosts: AdminHosts
    private let files: DispatchQueue
    private let onRequest: () -> Void
    private var head: HTTPRequestHead?

    /// - Parameters:
    ///   - files: for work that blocks.
    ///   - onRequest: called when the whole request has arrived.
    init(_ services: AdminServices, hosts: AdminHosts, files: DispatchQueue, onRequest: @escaping () -> Void) {
        self.services = services
        self.hosts = hosts
        self.files = files
        self.onRequest = onRequest
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
        case .body:
            // No request has a body; drop anything that arrives.
            break
        case .end:
            guard let head else { return }
            self.head = nil
            onRequest()
            answer(head, context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        let names = head.headers["Host"]
        // No browser sends a request without one.
        guard names.count == 1 || (names.isEmpty && head.version == .http1_0) else {
            return send(.badRequest, Fault(error: "send exactly one Host header"), to: head, context: context)
        }
        guard names.allSatisfy(hosts.allows) else {
            let fault = Fault(
                error: "the Host header does not name this host; use its address, or localhost on the host itself"
            )
            return send(.misdirectedRequest, fault, to: head, context: context)
        }
        guard head.method == .GET || head.method == .HEAD else {
            return send(.methodNotAllowed, Fault(error: "use GET"), to: head, context: context)
        }
        let path = head.uri.prefix { $0 != "?" }
        switch AdminPath(rawValue: String(path)) {
        case .liveness:
            services.liveness(context.eventLoop).assumeIsolated().whenSuccess { [self] liveness in
                send(liveness.status == .ok ? .ok : .serviceUnavailable, liveness, to: head, context: context)
            }
        case .readiness:
            let readiness = services.readiness()
            send(readiness.status == .ready ? .ok : .serviceUnavailable, readiness, to: head, context: context)
        case .metrics:
            let text = context.eventLoop.makePromise(of: String.self)
            files.async { [services] in text.succeed(services.metrics()) }
            text.futureResult.assumeIsolated().whenSuccess { [self] text in
                send(.ok, Data(text.utf8), PrometheusText.contentType, to: head, context: context)
            }
        case .sessions:
            send(.ok, services.sessions.sessionsDocument(), to: head, context: context)
        case nil:
            send(.notFound, Fault(error: "not found; use \(AdminPath.list)"), to: head, context: context)
        }
    }

    private func send(
        _ status: HTTPResponseStatus,
        _ body: some Encodable,
        to request: HTTPRequestHead,
        context: ChannelHandlerContext
    ) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = ((try? encoder.encode(body)) ?? Data()) + Data("\n".utf8)
        send(status, text, "application/json", to: request, context: context)
    }

    private func send(
        _ status: HTTPResponseStatus,
        _ text: Data,
        _ contentType: String,
        to request: HTTPRequestHead,
        context: ChannelHandlerContext
    ) {
        let headers: HTTPHeaders = [
            "Content-Type": contentType, "Content-Length": String(text.count), "Connection": "close",
            "Cache-Control": "no-store",
        ]
        context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: text)))), promise: nil)
        }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: sent)
    }

    private struct Fault: Encodable {
        var error: String
    }
}

@available(*, unavailable)
extension AdminHandler: Sendable {}
