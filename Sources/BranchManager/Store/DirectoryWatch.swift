#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reports possible changes of files in directories: at once with inotify(7), else at the next poll.
///
/// Watches the directories rather than the files, which are replaced by renaming.
package enum DirectoryWatch {
    /// Poll interval with inotify, for changes by other hosts of a network file system.
    package static let defaultRarePoll = Duration.seconds(30)
    /// Poll interval without inotify, if no watches are left.
    package static let defaultPoll = Duration.milliseconds(500)
    /// In bytes. The content of events does not matter: the reader looks at the file itself.
    private static let bufferSize = 16 * 1_024

    /// Changes from now on, starting with one at once. Merges pending ones. Ends with its iteration.
    ///
    /// - Parameters:
    ///   - isWholeFiles: whether to report only files that are closed after a write, or replaced; otherwise a file with
    ///     constant writes, such as a log, causes constant reports.
    ///   - poll: the interval without inotify.
    ///   - rarePoll: the interval with inotify.
    package static func changes(
        in directories: Set<String>,
        isWholeFiles: Bool = false,
        poll: Duration = defaultPoll,
        rarePoll: Duration = defaultRarePoll
    ) -> AsyncStream<Void> {
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        change.yield()
        let watch = watch(directories, isWholeFiles ? IN_CLOSE_WRITE : IN_MODIFY, change)
        let interval = watch == nil ? poll : rarePoll
        let poll = Task {
            while (try? await Task.sleep(for: interval)) != nil { change.yield() }
        }
        change.onTermination = { _ in
            watch?.cancel()
            poll.cancel()
        }
        return changes
    }

    /// nil without inotify.
    private static func watch(
        _ directories: Set<String>,
        _ written: Int32,
        _ change: AsyncStream<Void>.Continuation
    ) -> DescriptorWatch? {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        let events =
            [written, IN_ATTRIB, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE].reduce(UInt32(0)) { $0 | UInt32($1) }
        let watches = directories.filter { inotify_add_watch(descriptor, $0, events) >= 0 }
        guard watches.count == directories.count else {
            close(descriptor)
            return nil
        }
        return DescriptorWatch(
            descriptor,
            readable: {
                var buffer = [UInt8](repeating: 0, count: bufferSize)
                while read(descriptor, &buffer, buffer.count) > 0 {}
                change.yield()
            },
            ended: { close(descriptor) }
        )
    }
}

extension BranchStore {
    /// Reports possible changes of the store by any process; ``version()`` shows whether it has changed.
    ///
    /// - Parameter file: another file to watch.
    package func changes(besides other: String? = nil) -> AsyncStream<Void> {
        let files = [file] + (other.map { [$0] } ?? [])
        return DirectoryWatch.changes(in: Set(files.map(Self.directory)))
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
