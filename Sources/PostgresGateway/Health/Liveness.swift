package import NIOCore

/// Whether every event loop of the gateway still turns.
package struct Liveness: Codable, Hashable, Sendable {
    package enum Status: String, Codable, Sendable {
        case ok
        case stuck
    }

    package var status: Status
    package var eventLoops: Int
    package var stuckEventLoops: Int

    /// How long a loop may take to get round to a task. Far more than a busy one needs.
    package static let limit = TimeAmount.seconds(2)
}

extension GatewayServer {
    /// Asks every loop for a sign of life.
    ///
    /// - Parameter watcher: a loop that is not one of the gateway's own; the answer comes on it.
    package func liveness(
        within limit: TimeAmount = Liveness.limit,
        watchedFrom watcher: any EventLoop
    ) -> EventLoopFuture<Liveness> {
        let answer = watcher.makePromise(of: Liveness.self)
        watcher.execute { [self] in
            // Stopped, and on its way out: nothing is stuck.
            guard !isShutDown else { return answer.succeed(Liveness(status: .ok, eventLoops: 0, stuckEventLoops: 0)) }
            let loops = loops
            let census = Census(waiting: loops.count)
            let timeout = watcher.assumeIsolated().scheduleTask(in: limit) {
                answer.succeed(Liveness(status: .stuck, eventLoops: loops.count, stuckEventLoops: census.waiting))
            }
            let bound = NIOLoopBound((census, timeout), eventLoop: watcher)
            onEachLoop {
                watcher.execute {
                    let (census, timeout) = bound.value
                    census.waiting -= 1
                    guard census.waiting == 0 else { return }
                    timeout.cancel()
                    answer.succeed(Liveness(status: .ok, eventLoops: loops.count, stuckEventLoops: 0))
                }
            }
        }
        return answer.futureResult
    }

    private final class Census {
        var waiting: Int

        init(waiting: Int) { self.waiting = waiting }
    }
}
