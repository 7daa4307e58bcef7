import BranchManager
import HTTPTypes
import Hummingbird

/// The endless response: changes as they happen.
enum EventStream {
    /// How often an empty comment is sent, to notice clients that are gone and keep proxies from closing the
    /// connection.
    private static let interval = Duration.seconds(15)
    /// Limit of events queued for a client that does not read; the oldest are dropped.
    private static let maximumWaiting = 512

    /// - Parameter isAllowed: checked repeatedly: a stream ends with the token or the login that it started with.
    static func response(_ hub: EventHub, while isAllowed: @escaping @Sendable () -> Bool) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                // Not earlier: the response to HEAD has no body, so nobody would read this listener's events.
                let events = await hub.listen()
                // Tell the client that the stream is open: it misses no change from here on.
                try await writer.write(ByteBuffer(string: "retry: 1000\n: listening\n\n"))
                for await text in lines(of: events, while: isAllowed) {
                    try await writer.write(ByteBuffer(string: text))
                }
                try await writer.finish(nil)
            }
        )
    }

    /// Events with keep-alive lines between them. Ends with the events.
    private static func lines(
        of events: AsyncStream<EventHub.Event>,
        while isAllowed: @escaping @Sendable () -> Bool
    ) -> AsyncStream<String> {
        let (lines, continuation) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(maximumWaiting))
        // isAllowed reads the store.
        let pulse = Task(executorPreference: BlockingWork.executor) {
            while (try? await Task.sleep(for: interval)) != nil {
                guard isAllowed() else { return continuation.finish() }
                continuation.yield(": still here\n\n")
            }
        }
        let pass = Task {
            for await event in events { continuation.yield(event.text) }
            continuation.finish()
        }
        continuation.onTermination = { _ in
            pulse.cancel()
            pass.cancel()
        }
        return lines
    }
}
