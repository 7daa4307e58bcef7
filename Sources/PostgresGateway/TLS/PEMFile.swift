import GatewayContract

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Files of certificates and keys.
enum PEMFile {
    /// Largest file that is read, in bytes.
    private static let maximumSize = 1_024 * 1_024

    /// Reads a file whole. Blocking.
    ///
    /// - Throws: ``ConfigurationError`` that names the variable and the file.
    static func bytes(of path: String, _ variable: GatewayVariable) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, variable) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: maximumSize + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            if more < 0, errno == EINTR { continue }
            guard more >= 0 else { throw unreadable(path, variable) }
            if more == 0 { break }
            count += more
        }
        guard count <= maximumSize else {
            throw ConfigurationError(variable, file: path, "is larger than \(maximumSize) bytes; use a PEM file")
        }
        return Array(bytes.prefix(count))
    }

    /// Whether there is a block whose label ends like this (RFC 7468: `-----BEGIN EC PRIVATE KEY-----`).
    static func hasBlock(_ label: String, in bytes: [UInt8]) -> Bool {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.contains { $0.hasPrefix("-----BEGIN ") && $0.contains("\(label)-----") }
    }

    private static func unreadable(_ path: String, _ variable: GatewayVariable) -> ConfigurationError {
        let code = errno
        let hint = code == EACCES ? "; the gateway runs as user \(geteuid()) and needs permission to read it" : ""
        return ConfigurationError(variable, file: path, "cannot be read: \(String(cString: strerror(code)))\(hint)")
    }
}
