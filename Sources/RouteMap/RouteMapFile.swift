package import Foundation

/// The route map as it stands in its file: UTF-8 JSON, version 1 (see `docs/route-map.md`).
package enum RouteMapFile {
    /// The only version that is understood.
    package static let version = 1

    /// Largest file that is read, in bytes; 100,000 routes need about 25 MB.
    package static let maximumSize = 256 * 1_024 * 1_024

    /// Reads and checks a route map file. Blocking: never call it on an event loop.
    ///
    /// - Throws: ``RouteMapError`` for a file that is missing, unreadable, too large or breaks a rule.
    package static func load(path: String) throws(RouteMapError) -> RouteTable {
        let data: Data
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            if let size = attributes[.size] as? Int, size > maximumSize {
                throw RouteMapError(key: "", problem: "\(path) has \(size) bytes; the limit is \(maximumSize)")
            }
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch let error as RouteMapError {
            throw error
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile {
            var missing = RouteMapError(key: "", problem: "\(path) does not exist")
            missing.isMissingFile = true
            throw missing
        } catch {
            var failure = RouteMapError(key: "", problem: "\(path) cannot be read: \(error.localizedDescription)")
            failure.isReadFailure = true
            throw failure
        }
        return try parse(data)
    }

    /// Checks the text of a route map. Unknown keys are ignored, an unknown version is an error.
    ///
    /// - Throws: ``RouteMapError`` with the line, and the key where there is one, of the first fault.
    package static func parse(_ data: Data) throws(RouteMapError) -> RouteTable {
        // Out of the closure, since `withUnsafeBytes` would lose the error's type.
        let result: Result<RouteTable, RouteMapError> = data.withUnsafeBytes { bytes in
            var scanner = RouteMapScanner(bytes.bindMemory(to: UInt8.self))
            do throws(RouteMapError) {
                return .success(try scanner.table())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
