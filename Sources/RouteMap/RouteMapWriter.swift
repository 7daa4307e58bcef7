package import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// An error writing a route map: the step that failed, and why.
package struct RouteMapWriteError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

/// Whether a written route map is certain to survive a power failure.
package enum RouteMapDurability: Hashable, Sendable {
    case durable
    /// The file is in place, but the directory could not be flushed: after a power failure the old one may be back.
    case notYetDurable(reason: String)
}

extension RouteMapFile {
    /// The text of a route map.
    ///
    /// - Parameter confirmation: for a writer that confirms its map while it runs.
    /// - Throws: ``RouteMapError`` when a hostname is there twice, or a value is none that may be read.
    ///   Routes with one address are written, since only they are at fault: ``RouteTable/conflicts``.
    package static func encode(
        routes: [Route],
        stopped: [StoppedRoute],
        generatedAt: Date,
        confirmation: RouteMapConfirmation? = nil
    ) throws(RouteMapError) -> Data {
        _ = try RouteTable(routes: routes, stopped: stopped)
        for (index, route) in routes.enumerated() {
            guard route.hostPort > 0 else {
                throw RouteMapError(key: "routes[\(index)].hostPort", problem: "0 is not a port (1 to 65535)")
            }
            if let most = route.maxConnections, most < 1 {
                throw RouteMapError(
                    key: "routes[\(index)].maxConnections",
                    problem: "\(most) is not a positive whole number"
                )
            }
        }
        if let confirmation, !RouteMapConfirmation.validity.contains(confirmation.validForSeconds) {
            throw RouteMapError(
                key: "validForSeconds",
                problem: "\(confirmation.validForSeconds) is not in \(RouteMapConfirmation.validity)"
            )
        }
        let document = WrittenDocument(
            version: version,
            generatedAt: try written(generatedAt, key: "generatedAt"),
            confirmedAt: try confirmation.map { confirmation throws(RouteMapError) in
                try written(confirmation.confirmedAt, key: "confirmedAt")
            },
            validForSeconds: confirmation?.validForSeconds,
            routes: routes.map(WrittenRoute.init),
            stopped: stopped.map { WrittenStopped(hostname: $0.hostname.name, target: $0.target) }
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return try encoder.encode(document) + Data("\n".utf8)
        } catch {
            throw RouteMapError(key: "", problem: "cannot be encoded: \(error.localizedDescription)")
        }
    }

    private static func written(_ time: Date, key: String) throws(RouteMapError) -> String {
        guard let text = time.utcTimestamp else {
            throw RouteMapError(key: key, problem: "is not in the years 1 to 9999")
        }
        return text
    }

    /// Replaces the route map atomically. Blocking.
    ///
    /// Written to a temporary file in the same directory, fsynced, renamed over the old one, and the
    /// directory fsynced: after a power failure one of the two is there.
    ///
    /// - Returns: whether the directory was flushed too. The new map is in effect in either case, so a
    ///   caller must not undo the change.
    /// - Throws: ``RouteMapWriteError``; the old file is untouched then.
    @discardableResult
    package static func write(_ data: Data, to path: String) throws(RouteMapWriteError) -> RouteMapDurability {
        try write(data, to: path, flushing: flush(directory:))
    }

    /// - Parameter flush: makes the directory's entries durable, and returns why it could not.
    static func write(
        _ data: Data,
        to path: String,
        flushing flush: (String) -> RouteMapWriteError?
    ) throws(RouteMapWriteError) -> RouteMapDurability {
        let directory = (path as NSString).deletingLastPathComponent
        let place = directory.isEmpty ? "." : directory
        let temporary = "\(place)/.\((path as NSString).lastPathComponent).\(getpid()).\(UInt32.random(in: 0 ... .max))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("create", temporary) }
        do throws(RouteMapWriteError) {
            defer { close(descriptor) }
            var written = 0
            while written < data.count {
                let count = data.withUnsafeBytes { bytes in
                    Glibc.write(descriptor, bytes.baseAddress?.advanced(by: written), data.count - written)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure("write", temporary) }
                written += count
            }
            // Whatever the umask: the gateway is another user.
            guard fchmod(descriptor, 0o644) == 0 else { throw failure("chmod", temporary) }
            guard fsync(descriptor) == 0 else { throw failure("fsync", temporary) }
            guard rename(temporary, path) == 0 else { throw failure("rename \(temporary) to", path) }
        } catch {
            unlink(temporary)
            throw error
        }
        return flush(place).map { .notYetDurable(reason: $0.description) } ?? .durable
    }

    private static func flush(directory: String) -> RouteMapWriteError? {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return failure("open", directory) }
        defer { close(descriptor) }
        return fsync(descriptor) == 0 ? nil : failure("fsync", directory)
    }

    private static func failure(_ what: String, _ path: String) -> RouteMapWriteError {
        RouteMapWriteError(description: "cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}

private struct WrittenDocument: Encodable {
    var version: Int
    var generatedAt: String
    var confirmedAt: String?
    var validForSeconds: Int?
    var routes: [WrittenRoute]
    var stopped: [WrittenStopped]
}

private struct WrittenStopped: Encodable {
    var hostname: String
    var target: Target
}

private struct WrittenRoute: Encodable {
    var hostname: String
    var host: String?
    var hostPort: UInt16
    var maxConnections: Int?
    var sharedAddress: Bool?
    var target: Target

    init(_ route: Route) {
        hostname = route.hostname.name
        host = route.host == Route.defaultHost ? nil : route.host
        hostPort = route.hostPort
        maxConnections = route.maxConnections
        sharedAddress = route.isSharedAddress ? true : nil
        target = route.target
    }
}
