import CLibpq

/// A connection of the system's libpq. Blocking; used from one thread at a time.
final class LibpqConnection {
    private let connection: OpaquePointer

    /// - Throws: ``ScenarioFailure`` with libpq's own message when connecting fails.
    init(_ options: [String: String]) throws {
        let info = options.map { key, value in
            "\(key)='\(value.replacing("\\", with: "\\\\").replacing("'", with: "\\'"))'"
        }.joined(separator: " ")
        guard let connection = PQconnectdb(info) else { throw ScenarioFailure("out of memory") }
        guard PQstatus(connection) == CONNECTION_OK else {
            let message = String(cString: PQerrorMessage(connection))
            PQfinish(connection)
            throw ScenarioFailure(message)
        }
        self.connection = connection
    }

    deinit { PQfinish(connection) }

    var processID: Int32 { PQbackendPID(connection) }

    struct SQLFailure: Error, CustomStringConvertible {
        var sqlState: String
        var description: String
    }

    /// Runs a statement and gives its rows.
    @discardableResult
    func query(_ text: String) throws -> [[String]] {
        try rows(PQexec(connection, text))
    }

    func prepare(_ name: String, _ text: String) throws {
        _ = try rows(PQprepare(connection, name, text, 0, nil))
    }

    func execute(_ name: String, _ parameter: String) throws -> [[String]] {
        try parameter.withCString { value in
            let values: [UnsafePointer<CChar>?] = [value]
            return try rows(PQexecPrepared(connection, name, 1, values, nil, nil, 0))
        }
    }

    func copyIn(_ text: String, lines: [String]) throws {
        let result = PQexec(connection, text)
        defer { PQclear(result) }
        try ScenarioFailure.check(PQresultStatus(result) == PGRES_COPY_IN, message)
        for line in lines {
            try ScenarioFailure.check(PQputCopyData(connection, line, Int32(line.utf8.count)) == 1, message)
        }
        try ScenarioFailure.check(PQputCopyEnd(connection, nil) == 1, message)
        while let end = PQgetResult(connection) { _ = try rows(end) }
    }

    func copyOut(_ text: String) throws -> [String] {
        let result = PQexec(connection, text)
        defer { PQclear(result) }
        try ScenarioFailure.check(PQresultStatus(result) == PGRES_COPY_OUT, message)
        var lines: [String] = []
        var line: UnsafeMutablePointer<CChar>?
        while PQgetCopyData(connection, &line, 0) > 0, let copied = line {
            lines.append(String(cString: copied))
            PQfreemem(copied)
        }
        while let end = PQgetResult(connection) { _ = try rows(end) }
        return lines
    }

    /// The payload of the next notification; nil when none has arrived yet.
    func notification() throws -> String? {
        try ScenarioFailure.check(PQconsumeInput(connection) == 1, message)
        guard let notification = PQnotifies(connection) else { return nil }
        defer { PQfreemem(notification) }
        return String(cString: notification.pointee.extra)
    }

    var socket: Int32 { PQsocket(connection) }

    /// What cancels this connection's query from another thread: libpq's own cancel object.
    func canceller() throws -> Canceller {
        guard let cancel = PQgetCancel(connection) else { throw ScenarioFailure("no cancel object") }
        return Canceller(cancel)
    }

    final class Canceller {
        private let cancel: OpaquePointer

        init(_ cancel: OpaquePointer) { self.cancel = cancel }

        deinit { PQfreeCancel(cancel) }

        func send() throws {
            var text = [CChar](repeating: 0, count: 256)
            guard PQcancel(cancel, &text, Int32(text.count)) == 1 else {
                let message = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                throw ScenarioFailure("PQcancel: \(String(decoding: message, as: UTF8.self))")
            }
        }
    }

    private var message: String { String(cString: PQerrorMessage(connection)) }

    private func rows(_ result: OpaquePointer?) throws -> [[String]] {
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
            return (0..<PQntuples(result)).map { row in
                (0..<PQnfields(result)).map { String(cString: PQgetvalue(result, row, $0)) }
            }
        default:
            let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
            throw SQLFailure(sqlState: state ?? "", description: message)
        }
    }
}
