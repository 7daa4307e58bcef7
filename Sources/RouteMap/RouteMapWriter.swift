package import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// What stops a route map from being written: what was tried, and why it failed.
package struct RouteMapWriteError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

extension RouteMapFile {
    /// The text of a route map.
    ///
    /// - Throws: ``RouteMapError`` when a hostname is there twice; what is written can be read.
    package static func encode(
        routes: [Route],
        stopped: [StoppedRoute],
        generatedAt: Date
    ) throws(RouteMapError) -> Data {
        _ = try RouteTable(routes: routes, stopped: stopped)
        let document = WrittenDocument(
            version: version,
            generatedAt: generatedAt.formatted(.iso8601),
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

    /// Puts a route map in place: whole or not at all, whatever happens meanwhile. Blocking.
    ///
    /// Written to a temporary file in the same directory, fsynced, renamed over the old one, and the
    /// directory fsynced: after a power failure one of the two is there.
    ///
    /// - Throws: ``RouteMapWriteError``; the old file is untouched then.
    package static func write(_ data: Data, to path: String) throws(RouteMapWriteError) {
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
        let directoryDescriptor = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directoryDescriptor >= 0 else { throw failure("open", place) }
        defer { close(directoryDescriptor) }
        guard fsync(directoryDescriptor) == 0 else { throw failure("fsync", place) }
    }

    private static func failure(_ what: String, _ path: String) -> RouteMapWriteError {
        RouteMapWriteError(description: "cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}

private struct WrittenDocument: Encodable {
    var version: Int
    var generatedAt: String
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
    var target: Target

    init(_ route: Route) {
        hostname = route.hostname.name
        host = route.host == Route.defaultHost ? nil : route.host
        hostPort = route.hostPort
        maxConnections = route.maxConnections
        target = route.target
    }
}
