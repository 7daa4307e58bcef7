import Foundation
import RouteSync
import Synchronization

/// A time of day that moves when it is told to.
final class ManualClock: Sendable {
    private struct State {
        var now = Date.now
        var waiting: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    var wallClock: WallClock {
        WallClock(
            now: { self.state.withLock { $0.now } },
            wait: { end in
                let (ticks, tick) = AsyncStream<Void>.makeStream()
                self.state.withLock { state in
                    if state.now >= end { tick.finish() } else { state.waiting.append(tick) }
                }
                for await _ in ticks { break }
                try Task.checkCancellation()
            }
        )
    }

    func advance(by seconds: Double) {
        let waiting = state.withLock { state in
            state.now += seconds
            defer { state.waiting = [] }
            return state.waiting
        }
        for tick in waiting { tick.yield() }
    }
}
