import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A TCP connection on which each `send` is a segment of its own. Blocking, with a time limit on reading.
package final class RawConnection: Sendable {
    private let descriptor: Int32

    /// How long a read may take, or a wait for a connection, before the test fails.
    fileprivate static let timeoutSeconds = 60

    /// - Parameter source: the last number of the loopback address it comes from, 127.0.0.x.
    package init(port: Int, from source: UInt8 = 1) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Self.failure("socket") }
        setUp()
        if source != 1 {
            var local = Self.loopback(port: 0)
            local.sin_addr.s_addr = UInt32(0x7f00_0000 | UInt32(source)).bigEndian
            let bound = withUnsafePointer(to: &local) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard bound == 0 else { throw Self.failure("bind") }
        }
        var address = Self.loopback(port: port)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Self.failure("connect to port \(port)") }
    }

    fileprivate init(accepted descriptor: Int32) {
        self.descriptor = descriptor
        setUp()
    }

    deinit { close(descriptor) }

    private func setUp() {
        var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    package func send(_ bytes: some Collection<UInt8>) throws {
        let all = Array(bytes)
        var sent = 0
        while sent < all.count {
            let count = all.withUnsafeBytes { buffer in
                Glibc.send(descriptor, buffer.baseAddress?.advanced(by: sent), all.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Self.failure("send") }
            sent += count
        }
    }

    /// Sends until the peer has taken nothing for a second.
    ///
    /// - Returns: how many of the bytes were taken.
    package func sendUntilFull(_ bytes: [UInt8]) throws -> Int {
        var sent = 0
        var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        while sent < bytes.count, poll(&writable, 1, 1_000) == 1 {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(
                    descriptor,
                    buffer.baseAddress?.advanced(by: sent),
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                )
            }
            if count < 0 && errno == EAGAIN { continue }
            guard count > 0 else { throw Self.failure("send") }
            sent += count
        }
        return sent
    }

    /// Whether there is something to read, or the end, within a time.
    package func hasInput(withinMilliseconds limit: Int32) -> Bool {
        var readable = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&readable, 1, limit) == 1
    }

    /// From now on closing, which the last reference to this does, is a reset and no FIN.
    package func resetWhenClosed() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// What one read gives; empty at the end of input.
    package func receive(atMost limit: Int = 65_536) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &bytes, limit, 0)
        guard count >= 0 else { throw Self.failure("receive") }
        return Array(bytes.prefix(count))
    }

    /// All that comes until the peer closes. A reset counts as an end when `toleratesReset`.
    package func receiveToEnd(toleratesReset: Bool = false) throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            do {
                let bytes = try receive()
                if bytes.isEmpty { return all }
                all += bytes
            } catch let error as Failure where toleratesReset && error.code == ECONNRESET {
                return all
            }
        }
    }

    /// Ends the output: the peer sees FIN.
    package func shutdownOutput() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    package struct Failure: Error, CustomStringConvertible {
        package var code: Int32
        package var description: String
    }

    fileprivate static func failure(_ what: String) -> Failure {
        let code = errno
        return Failure(code: code, description: "\(what): \(String(cString: strerror(code)))")
    }

    fileprivate static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }
}

/// A backend played by the test: it accepts, and the test says what it answers.
package final class RawListener: Sendable {
    private let descriptor: Int32
    package let port: Int

    /// - Parameters:
    ///   - port: 0 for any that is free.
    ///   - backlog: how many connections may wait to be accepted.
    package init(port: Int = 0, backlog: Int32 = 1_024) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw RawConnection.failure("socket") }
        self.descriptor = descriptor
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = RawConnection.loopback(port: port)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 && listen(descriptor, backlog) == 0
                    && getsockname(descriptor, generic, &length) == 0
            }
        }
        guard bound else { throw RawConnection.failure("listen") }
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    /// Whether a connection waits to be accepted, now.
    package var hasConnection: Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, 0) == 1
    }

    /// The next connection; waits for it as long as for a read.
    package func accept() throws -> RawConnection {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, Int32(RawConnection.timeoutSeconds * 1_000)) == 1 else {
            throw RawConnection.failure("nobody connected")
        }
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw RawConnection.failure("accept") }
        return RawConnection(accepted: accepted)
    }
}

/// A listener that takes no connection: whoever dials it waits.
///
/// Its queue of connections that wait to be accepted is full, and the kernel then answers nobody (tcp(7)).
package final class FullListener: Sendable {
    private let listener: RawListener
    private let filler: RawConnection

    package init() throws {
        listener = try RawListener(backlog: 0)
        filler = try RawConnection(port: listener.port)
    }

    package var port: Int { listener.port }

    /// Takes one connection after all: of the next that dials, or of one that does, as soon as it asks again.
    package func open() throws -> RawConnection {
        _ = try listener.accept()
        return try listener.accept()
    }
}
