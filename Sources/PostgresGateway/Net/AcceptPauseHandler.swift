import Foundation
import Logging
import NIOCore

/// Stands in a listener's pipeline, nearest to the socket: when accepting fails, it is tried again after a pause.
///
/// What fails is most often that the process or the host has no file descriptor left (accept(2),
/// EMFILE, ENFILE), or no memory. The connection then stays in the kernel's queue, and without a pause a level-
/// triggered loop would do nothing else than fail to accept it.
final class AcceptPauseHandler: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = any Channel

    private static let pause = TimeAmount.seconds(1)
    /// When descriptors are about to be free.
    private static let shortPause = TimeAmount.milliseconds(20)

    private let failures: AcceptFailures
    private let makeRoom: () -> Bool
    private var isPaused = false

    /// - Parameter makeRoom: ends connections that may be ended for others; false when there is none.
    init(failures: AcceptFailures, makeRoom: @escaping () -> Bool) {
        self.failures = failures
        self.makeRoom = makeRoom
    }

    func read(context: ChannelHandlerContext) {
        // Reading resumes when the pause ends.
        if !isPaused { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return context.fireErrorCaught(error) }
        failures.note(error)
        // After any other error NIO closes the listener, and its owner opens another.
        guard AcceptFailures.isExhaustion(error), !isPaused else { return }
        isPaused = true
        let channel = context.channel
        // Only this takes the listener out of the selector.
        channel.setOption(.autoRead, value: false).whenComplete { _ in }
        context.eventLoop.assumeIsolated().scheduleTask(in: makeRoom() ? Self.shortPause : Self.pause) { [self] in
            isPaused = false
            channel.setOption(.autoRead, value: true).whenComplete { _ in }
        }
    }
}

@available(*, unavailable)
extension AcceptPauseHandler: Sendable {}
