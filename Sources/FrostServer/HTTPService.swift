import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle

/// Hummingbird's server without its `Application`, which wakes up every second to update the date of responses: here
/// the date is formatted for each response.
enum HTTPService {
    static func server(
        _ responder: some HTTPResponder<ServerContext>,
        configuration: ServerConfiguration,
        logger: Logger,
        ready: @escaping @Sendable (any Channel) -> Void
    ) throws -> any Service {
        try HTTPServerBuilder.http1().buildServer(
            configuration: configuration,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        ) { request, writer, channel in
            var response: Response
            do {
                let source = ApplicationRequestContextSource(channel: channel, logger: logger)
                response = try await responder.respond(to: request, context: ServerContext(source: source))
            } catch let error as HTTPParserError {
                // An error in the body is answered with 400, and the connection closes.
                throw error
            } catch {
                response = Response(status: .internalServerError)
            }
            response.headers[.date] = date.format(.now)
            try await writer.write(response: response.head, body: response.body)
        } onServerRunning: { channel in
            ready(channel)
        }
    }

    /// RFC 9110, section 5.6.7.
    private static let date = Date.VerbatimFormatStyle(
        format:
            "\(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .padded(4)) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits) GMT",
        locale: Locale(identifier: "en_US_POSIX"),
        timeZone: .gmt,
        calendar: Calendar(identifier: .gregorian)
    )
}
