#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Tells when files of directories may have changed: at once where the kernel tells (inotify(7)), else at the next poll.
///
/// The directories are watched and not the files, which are replaced by renaming.
package enum DirectoryWatch {
    /// Between two polls where the kernel tells, for what happens on other hosts of a network file system.
    package static let defaultRarePoll = Duration.seconds(30)
    /// Between two polls where it does not: it has no watch left.
    package static let defaultPoll = Duration.milliseconds(500)
    /// In bytes. The content of events does not matter: the reader looks at the file itself.
    private static let bufferSize = 16 * 1_024

    /// Changes from now on, and one at once; several that nobody has taken are one. It ends with its iteration.
    ///
    /// - Parameters:
    ///   - isWholeFiles: whether files only matter that are written to their end, or replaced; beside one that is written
    ///     to all the time, as a log is, a directory is otherwise never at rest.
    ///   - poll: between two polls where the kernel does not tell.
    ///   - rarePoll: between two polls where it does.
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

    /// nil where the kernel does not tell.
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
    /// Tells when the store may have changed, whichever process did it; ``version()`` says whether it has.
    ///
    /// - Parameter file: another file that is watched as well.
    package func changes(besides other: String? = nil) -> AsyncStream<Void> {
        let files = [file] + (other.map { [$0] } ?? [])
        return DirectoryWatch.changes(in: Set(files.map(Self.directory)))
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
