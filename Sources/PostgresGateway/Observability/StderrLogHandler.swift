import Foundation
import GatewayCore
package import Logging
import Synchronization

/// Writes log lines to standard error, whole lines only, as JSON objects or as text.
package struct StderrLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let format: GatewayConfiguration.LogFormat
    private let sink: @Sendable (String) -> Void

    /// - Parameter sink: takes a line with its line end; standard error unless a test says otherwise.
    package init(
        level: Logger.Level,
        format: GatewayConfiguration.LogFormat,
        sink: (@Sendable (String) -> Void)? = nil
    ) {
        self.logLevel = level
        self.format = format
        self.sink =
            sink
            ?? { line in
                LogWriter.standardError.write(line) { dropped in
                    let message: Logger.Message = "\(dropped) log lines dropped: the reader of the log is too slow"
                    return Self.line(format, level: .warning, message: message, fields: [:])
                }
            }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = event.metadata ?? [:]
        if !metadata.isEmpty { fields.merge(metadata) { own, _ in own } }
        sink(Self.line(format, level: event.level, message: event.message, fields: fields))
    }

    private static func line(
        _ format: GatewayConfiguration.LogFormat,
        level: Logger.Level,
        message: Logger.Message,
        fields: Logger.Metadata
    ) -> String {
        switch format {
        case .json: json(level: level, message: message, fields: fields) + "\n"
        case .text: text(level: level, message: message, fields: fields) + "\n"
        }
    }

    private static func json(level: Logger.Level, message: Logger.Message, fields: Logger.Metadata) -> String {
        var object = JSONObjectText()
        object.add("time", time)
        object.add("level", level.rawValue)
        object.add("message", message.description)
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            let text = value.description
            if Int(text) != nil, LogKey(rawValue: key)?.isNumber == true {
                object.addNumber(key, text)
            } else {
                object.add(key, text)
            }
        }
        return object.finish()
    }

    private static func text(level: Logger.Level, message: Logger.Message, fields: Logger.Metadata) -> String {
        let tail = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\(DisplayName.escape($0.value.description))" }
        return "\(time) \(level.rawValue) \(message)\(tail.joined())"
    }

    private static var time: String {
        Date.now.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

extension LogKey {
    /// Whether the field's values are numbers, which JSON shows without quotes.
    var isNumber: Bool {
        switch self {
        case .connection, .durationMilliseconds, .bytesIn, .bytesOut, .routes, .sessions, .added, .removed, .changed,
            .closed, .suppressed, .certificates:
            true
        case .client, .hostname, .hostnames, .target, .outcome, .reason, .limit, .address, .error, .version, .admin:
            false
        }
    }
}
