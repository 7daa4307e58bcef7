import Dispatch
import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Queries the system's resolver, which blocks until name servers answer.
package struct HostLookup: Sendable {
    package enum Answer: Hashable, Sendable {
        /// Numeric addresses without duplicates.
        case addresses([String])
        case notFound
        /// No answer within the time limit.
        case late
    }

    let look: @Sendable (String) async -> Answer
    /// Of this host's interfaces.
    let ownAddresses: @Sendable () -> Set<String>

    package init(
        look: @escaping @Sendable (String) async -> Answer,
        ownAddresses: @escaping @Sendable () -> Set<String>
    ) {
        self.look = look
        self.ownAddresses = ownAddresses
    }

    /// Time limit of an answer, in whole seconds.
    package static let limit = 3

    package static let system = HostLookup(look: { await systemLook($0) }, ownAddresses: { interfaceAddresses() })

    private static func systemLook(_ name: String) async -> Answer {
        await withCheckedContinuation { continuation in
            let once = Once(continuation)
            // A dedicated thread: it may block long after the limit.
            Thread.detachNewThread { once.resume(ask(name)) }
            DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(limit)) { once.resume(.late) }
        }
    }

    private final class Once: Sendable {
        private let continuation: Mutex<CheckedContinuation<Answer, Never>?>

        init(_ continuation: CheckedContinuation<Answer, Never>) { self.continuation = Mutex(continuation) }

        func resume(_ answer: Answer) {
            continuation.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }?.resume(returning: answer)
        }
    }

    private static func ask(_ name: String) -> Answer {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, nil, &hints, &list)
        defer { if list != nil { freeaddrinfo(list) } }
        guard code == 0 else { return code == EAI_AGAIN ? .late : .notFound }
        var found: [String] = []
        var next = list
        while let entry = next {
            if let text = numeric(entry.pointee.ai_addr, entry.pointee.ai_addrlen), !found.contains(text) {
                found.append(text)
            }
            next = entry.pointee.ai_next
        }
        return found.isEmpty ? .notFound : .addresses(found)
    }

    private static func interfaceAddresses() -> Set<String> {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: Set<String> = []
        var next = list
        while let entry = next {
            if let address = entry.pointee.ifa_addr {
                let length: Int? =
                    switch Int32(address.pointee.sa_family) {
                    case AF_INET: MemoryLayout<sockaddr_in>.size
                    case AF_INET6: MemoryLayout<sockaddr_in6>.size
                    default: nil
                    }
                if let length, let text = numeric(address, socklen_t(length)) { found.insert(text) }
            }
            next = entry.pointee.ifa_next
        }
        return found
    }

    /// Without the zone of a link-local address.
    private static func numeric(_ address: UnsafePointer<sockaddr>?, _ length: socklen_t) -> String? {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard let address, getnameinfo(address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0
        else {
            return nil
        }
        let bytes = host.prefix { $0 != 0 && $0 != CChar(UInt8(ascii: "%")) }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
