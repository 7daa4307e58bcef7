import Foundation

/// A directory of one test or one run, in the system's place for such, readable by other users:
/// the servers in it may belong to one who is not us.
package struct TemporaryDirectory: Sendable {
    package let path: String

    package init(_ name: String) throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("frost-\(name)-\(UUID().uuidString.prefix(8))").path
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o755]
        )
    }

    private init(path: String) { self.path = path }

    /// A directory in this one.
    package func directory(_ name: String) throws -> TemporaryDirectory {
        try FileManager.default.createDirectory(atPath: file(name), withIntermediateDirectories: false)
        return TemporaryDirectory(path: file(name))
    }

    package func file(_ name: String) -> String { "\(path)/\(name)" }

    package func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: file(name)), options: .atomic)
    }

    package func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Where things of this checkout are.
package enum Checkout {
    /// The top of the source tree.
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// The folder of the release build (scripts/build-release.sh): what ships is what is tested.
    package static let releasePrograms = "\(root)/.build-release/release"

    /// A program of the release build.
    package static func program(_ name: String) -> String { "\(releasePrograms)/\(name)" }

    /// A program of the debug build beside the running test: only for what a release leaves out.
    package static func debugProgram(_ name: String) -> String {
        var directory = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        // Test bundles of some toolchains lie deeper than the programs.
        while directory.path != "/",
            !FileManager.default.isExecutableFile(atPath: directory.appendingPathComponent(name).path)
        {
            directory.deleteLastPathComponent()
        }
        return directory.appendingPathComponent(name).path
    }
}
