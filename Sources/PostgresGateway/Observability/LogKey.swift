import Logging

/// The fields of a log line, named once.
package enum LogKey: String, CaseIterable, Sendable {
    /// The connection's number, unique while the gateway runs.
    case connection
    /// The client's address and port.
    case client
    /// The server name the client sent, escaped and cut.
    case hostname
    /// The branch's id.
    case target
    case outcome
    /// From accept to the end, in milliseconds.
    case durationMilliseconds = "duration_ms"
    /// From the client to the backend.
    case bytesIn = "bytes_in"
    /// From the backend to the client.
    case bytesOut = "bytes_out"
    case reason
    /// The bound that is reached.
    case limit
    case address
    case error
    case routes
    /// Hostnames, separated by commas.
    case hostnames
    case sessions
    /// Of a route map, against the one before it: hostnames that came, went, became different.
    case added
    case removed
    case changed
    /// Sessions that were closed because their route went.
    case closed
    /// How many lines like this one were not written.
    case suppressed
    case certificates
    case version
    /// Where the admin address is.
    case admin
}

extension Logger.Metadata {
    package init(_ fields: [LogKey: String]) {
        self.init(minimumCapacity: fields.count)
        for (key, value) in fields { self[key.rawValue] = .string(value) }
    }
}
