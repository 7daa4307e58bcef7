import HTTPTypes
import Hummingbird

/// The answer that goes on: what changes, as it changes.
enum EventStream {
    /// A line that says nothing, so that whoever is gone is noticed, and whoever is between keeps the connection.
    private static let interval = Duration.seconds(15)

    static func response(_ hub: EventHub) async -> Response {
        let events = await hub.listen()
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                // Told that it listens: what happens from here on is not missed.
                try await writer.write(ByteBuffer(string: "retry: 1000\n: listening\n\n"))
                for await text in lines(of: events) { try await writer.write(ByteBuffer(string: text)) }
                try await writer.finish(nil)
            }
        )
    }

    /// Events with the lines between them. It ends with the events.
    private static func lines(of events: AsyncStream<EventHub.Event>) -> AsyncStream<String> {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let pulse = Task {
            while (try? await Task.sleep(for: interval)) != nil { continuation.yield(": still here\n\n") }
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
