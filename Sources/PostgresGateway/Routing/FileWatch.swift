package import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reports when a file may have changed: at once where the kernel does (inotify(7)), else at the next poll.
///
/// The directory is watched and not the file, which is replaced by renaming. The poll serves file
/// systems without events, a directory that comes later, and a kernel that has no watch left.
package struct FileWatch: Sendable {
    /// Between two polls.
    package static let pollInterval = Duration.milliseconds(500)

    private let path: String
    private let pollInterval: Duration

    package init(path: String, pollInterval: Duration = FileWatch.pollInterval) {
        self.path = path
        self.pollInterval = pollInterval
    }

    /// Calls `look` whenever the file may have changed, one call at a time, until the task is cancelled.
    ///
    /// - Parameter eventLoop: takes the kernel's events; nil leaves only the poll. One that is there
    ///   already: making one takes file descriptors, and without any NIO ends the process.
    package func run(on eventLoop: (any EventLoop)?, _ look: () async -> Void) async {
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var inotify: (any Channel)?
        if let eventLoop {
            inotify = try? await InotifyChannel.open(directoryOf: path, on: eventLoop) { change.yield() }
        }
        let poll = Task {
            while (try? await Task.sleep(for: pollInterval)) != nil { change.yield() }
        }
        await withTaskCancellationHandler {
            for await _ in changes { await look() }
        } onCancel: {
            poll.cancel()
            change.finish()
        }
        try? await inotify?.close()
    }
}

/// The kernel's events of a directory, read on an event loop.
private enum InotifyChannel {
    struct Unavailable: Error {}

    static func open(
        directoryOf path: String,
        on eventLoop: any EventLoop,
        _ changed: @escaping @Sendable () -> Void
    ) async throws -> any Channel {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { throw Unavailable() }
        let events =
            UInt32(IN_MOVED_TO) | UInt32(IN_CLOSE_WRITE) | UInt32(IN_CREATE) | UInt32(IN_DELETE) | UInt32(IN_ATTRIB)
        guard inotify_add_watch(descriptor, directory, events) >= 0 else {
            close(descriptor)
            throw Unavailable()
        }
        do {
            return try await NIOPipeBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Reader(changed: changed))
                    }
                }
                .takingOwnershipOfDescriptor(input: descriptor)
                .get()
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// The content of the events does not matter: the receiver checks the file itself.
    private final class Reader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let changed: @Sendable () -> Void

        init(changed: @escaping @Sendable () -> Void) {
            self.changed = changed
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            changed()
        }
    }
}
