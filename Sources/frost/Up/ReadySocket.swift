import BranchManager
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Receives a child's readiness by the protocol of sd_notify(3), which another program on the same admin address
/// cannot fake.
///
/// For one message; then the socket is closed, because nobody reads the child's later messages, which would fill it.
final class ReadySocket: Sendable {
    /// For `NOTIFY_SOCKET`; `@` stands for the NUL byte of a name without a file.
    let name = "@frost-\(UUID().uuidString)"
    private let descriptor: Int32
    private let isClosed = Mutex(false)

    /// - Throws: ``BranchError/runtime(_:)``.
    init() throws(BranchError) {
        descriptor = socket(
            AF_UNIX,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue),
            0
        )
        guard descriptor >= 0 else { throw Self.failure }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = [0] + Array(name.utf8.dropFirst())
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes.prefix($0.count)) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        // `deinit` closes it.
        guard bound == 0 else { throw Self.failure }
    }

    deinit { end() }

    private func end() {
        isClosed.withLock { isClosed in
            if !isClosed { close(descriptor) }
            isClosed = true
        }
    }

    /// Whether the child has reported readiness since the last call.
    private func takeReady() -> Bool {
        var isReady = false
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return isReady }
            let lines = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n")
            if lines.contains("READY=1") { isReady = true }
        }
    }

    /// Waits until the child reports readiness. Call it once.
    ///
    /// - Returns: false when the task was cancelled before.
    func isReady() async -> Bool {
        let (messages, message) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let watch = DescriptorWatch(
            descriptor,
            readable: { if self.takeReady() { message.yield() } },
            ended: { self.end() }
        )
        message.onTermination = { _ in watch.cancel() }
        for await _ in messages {
            message.finish()
            return true
        }
        return false
    }

    private static var failure: BranchError {
        .runtime("could not create a socket for the gateway's status: \(String(cString: strerror(errno)))")
    }
}
