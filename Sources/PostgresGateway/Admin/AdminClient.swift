package import GatewayContract
package import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Asks the admin address of a gateway that runs.
package enum AdminClient {
    package struct Response: Hashable, Sendable {
        /// The HTTP status code.
        package var status: Int
        package var body: String
    }

    /// An answer that did not come.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Largest answer that is taken, in bytes.
    private static let maximumBody = 1_024 * 1_024

    /// - Throws: ``Failure`` when there is no answer within `limit`.
    package static func get(
        _ path: AdminPath,
        from address: AdminAddress,
        within limit: TimeAmount
    ) async throws(Failure) -> Response {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: Response.self)
        let timeout = loop.scheduleTask(in: limit) {
            answer.fail(Failure(description: "no response within \(limit.settingText)"))
        }
        do {
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(limit)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        try pipeline.addHTTPClientHandlers()
                        try pipeline.addHandler(NIOHTTPClientResponseAggregator(maxContentLength: maximumBody))
                        try pipeline.addHandler(ResponseHandler(path: path, address: address, answer: answer))
                    }
                }
                .connect(to: try address.socketAddress)
                .get()
            answer.futureResult.whenComplete { _ in
                timeout.cancel()
                channel.close(promise: nil)
            }
            return try await answer.futureResult.get()
        } catch {
            timeout.cancel()
            answer.fail(error)
            if let error = error as? Failure { throw error }
            let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) }
            throw Failure(description: reason ?? "\(error)")
        }
    }
}

private final class ResponseHandler: ChannelInboundHandler {
    typealias InboundIn = NIOHTTPClientResponseFull
    typealias OutboundOut = HTTPClientRequestPart

    private let path: AdminPath
    private let address: AdminAddress
    private let answer: EventLoopPromise<AdminClient.Response>

    init(path: AdminPath, address: AdminAddress, answer: EventLoopPromise<AdminClient.Response>) {
        self.path = path
        self.address = address
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        let headers: HTTPHeaders = ["Host": "\(address)", "Connection": "close"]
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path.rawValue, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let response = unwrapInboundIn(data)
        let body = response.body.map { String(buffer: $0) } ?? ""
        answer.succeed(AdminClient.Response(status: Int(response.head.status.code), body: body))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(AdminClient.Failure(description: "the response is not from a gateway: \(error)"))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(AdminClient.Failure(description: "the connection was closed without a response"))
    }
}

@available(*, unavailable)
extension ResponseHandler: Sendable {}
