import Foundation
import NIOHTTP1

extension DockerRuntime {
    package func logHome(_ server: ServerSpec) -> ServerLogHome? { .container(name(server)) }

    /// The position is the engine's time of the last line.
    package func log(_ server: ServerSpec, after place: ServerLogPart.Place?) async throws(BranchError)
        -> ServerLogPart
    {
        let since = place.flatMap { Self.seconds($0.text) }.map { "&since=\($0)" } ?? "&tail=500"
        let answer = try await engine.check(
            .GET,
            "/containers/\(name(server))/logs?stdout=1&stderr=1&timestamps=1\(since)",
            allowing: [404]
        )
        var last = place?.text ?? ""
        var text = ""
        for line in DockerEngine.text(answer.body).split(separator: "\n") where answer.status != 404 {
            guard let space = line.firstIndex(of: " ") else { continue }
            let time = String(line[..<space])
            // The engine repeats the line of that moment.
            if let place, time <= place.text { continue }
            last = max(last, time)
            text += line[line.index(after: space)...] + "\n"
        }
        return ServerLogPart(text: text, place: .init(text: last))
    }

    /// Converts the engine's time format to its input format: seconds since 1970 with a fraction.
    private static func seconds(_ time: String) -> String? {
        guard let dot = time.firstIndex(of: "."), time.hasSuffix("Z"),
            let whole = try? Date("\(time[..<dot])Z", strategy: .iso8601)
        else { return nil }
        return "\(Int(whole.timeIntervalSince1970)).\(time[time.index(after: dot)...].dropLast())"
    }

    package func query(_ command: String, on server: ServerSpec) async throws(BranchError) -> String {
        try await psql(command, on: server)
    }
}
