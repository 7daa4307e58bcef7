#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension HeldDirectory {
    /// Removes a file, or a directory and all in it; nothing happens when it is not there.
    ///
    /// Whatever somebody swaps meanwhile, only what is in this directory goes: a link is removed and never followed.
    /// Takes a bounded number of descriptors and no stack, however deep the tree.
    ///
    /// - Throws: ``BranchError/runtime(_:)``, also when files go on appearing in it, and when a file system is mounted
    ///   in it.
    func removeTree(_ name: String) throws(BranchError) {
        try TreeRemoval(base: self).remove(Array(name.utf8CString))
    }

    /// Removes all that is in it.
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
    /// Names that are read at a time.
    static let batch = 256
    /// Directories that are held open. What lies deeper is moved up first.
    private static let mostOpen = 32
    /// How often something may be there again, or be something else, that was removed a moment ago.
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
                // Something has come into it, or is in its place, since.
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
                    // Taken away by somebody else meanwhile, or its new name taken; the next look says.
                    guard [ENOENT, EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else { throw failure("move", name) }
                    returns += 1
                    guard returns < Self.maximumReturns else { throw restless(name) }
                    continue
                }
            }
        }
    }

    /// Removes what is no directory, and opens what is one.
    ///
    /// - Returns: nil when it is gone.
    private func open(_ name: [CChar], in parent: HeldDirectory) throws(BranchError) -> HeldDirectory? {
        for _ in 0..<Self.maximumReturns {
            if unlinkat(parent.descriptor, name, 0) == 0 || errno == ENOENT { return nil }
            let fault = errno
            if fault == EACCES, fchmod(parent.descriptor, 0o700) == 0, unlinkat(parent.descriptor, name, 0) == 0 {
                return nil
            }
            // Linux says EISDIR of a directory, POSIX EPERM.
            guard [EISDIR, EPERM, EACCES].contains(fault) else { throw failure("remove", name) }
            let descriptor = openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else {
                switch errno {
                case ENOENT: return nil
                case ENOTDIR, ELOOP:
                    // A file that may not be removed, as one that is immutable; or one just now put there.
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
            // Without these rights its owner cannot empty it.
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
