#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension HeldDirectory {
    /// Removes a file, or a directory and its content. Does nothing if it does not exist.
    ///
    /// Removes only what is in this directory, even if entries are swapped meanwhile: links are removed, never
    /// followed. Uses a bounded number of descriptors and no recursion for any depth of the tree.
    ///
    /// - Throws: ``BranchError/runtime(_:)``, also if new files keep appearing in it, or a file system is mounted in
    ///   it.
    func removeTree(_ name: String) throws(BranchError) {
        try TreeRemoval(base: self).remove(Array(name.utf8CString))
    }

    /// Removes its content.
    func removeContents() throws(BranchError) {
        let removal = try TreeRemoval(base: self)
        while true {
            let names = try names(atMost: TreeRemoval.batch)
            if names.isEmpty { return }
            for name in names { try removal.remove(name) }
        }
    }
}

/// The removal of trees from a directory.
private struct TreeRemoval {
    /// The number of names read at a time.
    static let batch = 256
    /// The number of directories held open. Deeper ones are moved up first.
    private static let mostOpen = 32
    /// How often an entry may reappear, or change its type, after its removal.
    private static let maximumReturns = 1_000

    private struct Level {
        var directory: HeldDirectory
        var name: [CChar]
    }

    private let base: HeldDirectory
    private let device: dev_t

    init(base: HeldDirectory) throws(BranchError) {
        self.base = base
        var status = stat()
        guard fstat(base.descriptor, &status) == 0 else { throw HeldDirectory.failure("look at", base.path) }
        device = status.st_dev
    }

    func remove(_ name: [CChar]) throws(BranchError) {
        guard let top = try open(name, in: base) else { return }
        var levels = [Level(directory: top, name: name)]
        var moved = 0
        var returns = 0
        while let level = levels.last {
            let names = try level.directory.names(atMost: Self.batch)
            if names.isEmpty {
                levels.removeLast()
                let parent = levels.last?.directory ?? base
                if unlinkat(parent.descriptor, level.name, AT_REMOVEDIR) == 0 || errno == ENOENT { continue }
                // It has new entries, or was replaced.
                guard [ENOTEMPTY, EEXIST, ENOTDIR].contains(errno) else { throw failure("remove", level.name) }
                returns += 1
                guard returns < Self.maximumReturns else { throw restless(level.name) }
                if levels.isEmpty, let again = try open(name, in: base) {
                    levels = [Level(directory: again, name: name)]
                }
                continue
            }
            for name in names {
                guard let child = try open(name, in: level.directory) else { continue }
                guard levels.count >= Self.mostOpen else {
                    levels.append(Level(directory: child, name: name))
                    break
                }
                moved += 1
                let new = Array(".frost-remove-\(getpid())-\(moved)".utf8CString)
                guard renameat(level.directory.descriptor, name, levels[0].directory.descriptor, new) == 0 else {
                    // It was removed by another process, or its new name is in use; the next pass will show.
                    guard [ENOENT, EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else { throw failure("move", name) }
                    returns += 1
                    guard returns < Self.maximumReturns else { throw restless(name) }
                    continue
                }
            }
        }
    }

    /// Opens a directory, and removes anything else.
    ///
    /// - Returns: nil after removal.
    private func open(_ name: [CChar], in parent: HeldDirectory) throws(BranchError) -> HeldDirectory? {
        for _ in 0..<Self.maximumReturns {
            if unlinkat(parent.descriptor, name, 0) == 0 || errno == ENOENT { return nil }
            let fault = errno
            if fault == EACCES, fchmod(parent.descriptor, 0o700) == 0, unlinkat(parent.descriptor, name, 0) == 0 {
                return nil
            }
            // For a directory, Linux returns EISDIR, POSIX EPERM.
            guard [EISDIR, EPERM, EACCES].contains(fault) else { throw failure("remove", name) }
            let descriptor = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else {
                switch errno {
                case ENOENT: return nil
                case ENOTDIR, ELOOP:
                    // The file cannot be removed, such as an immutable one, or it was created just now.
                    if fault == EPERM {
                        errno = fault
                        throw failure("remove", name)
                    }
                    continue
                case EACCES:
                    guard
                        fchmodat(parent.descriptor, name, 0o700, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT
                            || errno == EOPNOTSUPP
                    else { throw failure("open", name) }
                    continue
                default: throw failure("open", name)
                }
            }
            let directory = HeldDirectory(opened: descriptor, in: parent)
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw failure("look at", name) }
            guard status.st_dev == device else {
                throw .runtime("cannot remove \(path(name)): another file system is mounted there; unmount it first")
            }
            // Its owner needs these rights to empty it.
            if status.st_mode & 0o700 != 0o700 { _ = fchmod(descriptor, 0o700) }
            return directory
        }
        throw restless(name)
    }

    private func path(_ name: [CChar]) -> String {
        "\(base.path)/…/\(String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self))"
    }

    private func failure(_ what: String, _ name: [CChar]) -> BranchError { HeldDirectory.failure(what, path(name)) }

    private func restless(_ name: [CChar]) -> BranchError {
        .runtime("cannot remove \(path(name)): files keep changing there; end the program that writes them")
    }
}
