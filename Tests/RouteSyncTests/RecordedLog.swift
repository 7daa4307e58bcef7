import Logging
import RouteSync
import Synchronization

/// What is logged: the level and the whole of it.
final class RecordedLog: Sendable {
    private let lines = Mutex<[(level: Logger.Level, text: String)]>([])

    func add(_ level: Logger.Level, _ text: String) { lines.withLock { $0.append((level, text)) } }

    func texts(_ level: Logger.Level) -> [String] {
        lines.withLock { lines in lines.filter { $0.level == level }.map(\.text) }
    }
}

struct RecordingLogHandler: LogHandler {
    let log: RecordedLog
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(_ log: RecordedLog) { self.log = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        log.add(event.level, "\(event.message) \(event.metadata ?? [:])")
    }
}

/// What a sync told, in order.
final class RecordedEvents: Sendable {
    private let events = Mutex<[FrostDatabaseSync.Event]>([])

    func add(_ event: FrostDatabaseSync.Event) { events.withLock { $0.append(event) } }

    var all: [FrostDatabaseSync.Event] { events.withLock { $0 } }
}
