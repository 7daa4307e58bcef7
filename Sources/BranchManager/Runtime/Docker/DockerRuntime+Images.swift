import Foundation
import Synchronization

/// Selects the image of a branch's container by the PostgreSQL version of the branch's data.
extension DockerRuntime {
    /// For a new server, if the setting has a placeholder for the version and none is requested.
    static let defaultMajor = 16

    struct ServerImage: Sendable {
        var name: String
        var image: DockerEngine.Image
        var major: Int

        /// Finds PostgreSQL's programs by name: Debian's packages install them outside of PATH, which Docker's image
        /// extends.
        var path: String {
            "/usr/lib/postgresql/\(major)/bin:"
                + (image.variable("PATH") ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        }
    }

    /// Versions reported by images, by image id.
    final class KnownMajors: Sendable {
        private let majors = Mutex<[String: Int]>([:])

        subscript(id: String) -> Int? {
            get { majors.withLock { $0[id] } }
            set { majors.withLock { $0[id] = newValue } }
        }
    }

    /// - Throws: ``BranchError/runtime(_:)`` that names the missing image.
    func image(of server: ServerSpec) async throws(BranchError) -> ServerImage {
        let major = if let known = server.postgresVersion { known } else { try await majorOfFiles(server) }
        return try await image(for: major, kept: server.image)
    }

    func image(for major: Int, kept: String?) async throws(BranchError) -> ServerImage {
        let images = try images()
        var missing: [String] = []
        var others: [String] = []
        for name in images.candidates(for: major, kept: kept) {
            guard let image = try await engine.image(name) else {
                missing.append(name)
                continue
            }
            let found = try await self.major(of: image, named: name)
            if found == major { return ServerImage(name: name, image: image, major: major) }
            others.append("\(name) has \(found)")
        }
        let data = "the branch's data needs PostgreSQL \(major)"
        if let first = missing.first {
            throw .runtime("\(data), but \(engine.missingImage(first))")
        }
        throw .runtime(
            "\(data), but the image \(others.joined(separator: ", ")); name one for all versions: "
                + "\(next: settingsForAll)"
        )
    }

    /// The image of a new server.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` if the existing images do not have the requested version,
    ///   ``BranchError/runtime(_:)`` that names a missing image.
    func imageForNew(_ asked: Int?) async throws(BranchError) -> ServerImage {
        var others: [String] = []
        var missing: [String] = []
        for name in try images().candidates(for: asked) {
            guard let image = try await engine.image(name) else {
                missing.append(name)
                continue
            }
            let major = try await self.major(of: image, named: name)
            if major == asked ?? major { return ServerImage(name: name, image: image, major: major) }
            others.append("the image \(name) has PostgreSQL \(major)")
        }
        if let first = missing.first { throw engine.missingImage(first) }
        throw .invalid(
            "\(others.joined(separator: ", ")), not \(asked ?? Self.defaultMajor); name one for all versions: "
                + "\(next: settingsForAll)"
        )
    }

    /// From the variable PG_MAJOR of Docker's image; other images are queried once.
    private func major(of image: DockerEngine.Image, named name: String) async throws(BranchError) -> Int {
        if let said = image.variable("PG_MAJOR").flatMap({ Int($0) }) ?? majors[image.Id] { return said }
        var spec = DockerEngine.ContainerSpec(Image: image.Id)
        spec.Entrypoint = ["/bin/sh", "-c", "\(Self.anyPath); exec postgres --version"]
        spec.HostConfig.NetworkMode = "none"
        let helper = "frost-look-\(UUID().uuidString.lowercased())"
        let printed: String
        do throws(BranchError) {
            printed = try await engine.runToEnd(helper, spec)
        } catch {
            try? await engine.remove(helper)
            throw .runtime("could not get the PostgreSQL version of the image \(name): \(error)")
        }
        // `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
        guard let major = printed.firstMatch(of: /\(PostgreSQL\) ([0-9]+)/).flatMap({ Int($0.1) }) else {
            throw .runtime("the image \(name) does not report its PostgreSQL version: \(printed)")
        }
        majors[image.Id] = major
        return major
    }

    /// The version of data without a running server: read through a temporary container that is never started, since
    /// only the engine may have access.
    private func majorOfFiles(_ server: ServerSpec) async throws(BranchError) -> Int {
        var spec = DockerEngine.ContainerSpec(Image: try await anyImage(server))
        spec.HostConfig.NetworkMode = "none"
        spec.HostConfig.Binds = ["\(data(server)):\(Self.mount):ro"]
        let helper = helper(server)
        try await engine.create(helper, spec)
        let major = try await major(ofDataIn: helper)
        try await engine.remove(helper)
        guard let major else { throw .runtime("\(data(server)) has no PG_VERSION; reset or delete the branch") }
        return major
    }

    /// nil if the data does not contain it.
    func major(ofDataIn container: String) async throws(BranchError) -> Int? {
        guard let file = try await engine.file("\(Self.data)/PG_VERSION", in: container, atMost: 1_024) else {
            return nil
        }
        return Int(String(decoding: file, as: UTF8.self).prefix(while: \.isNumber))
    }

    /// Any image, for work that does not depend on it.
    func anyImage(_ server: ServerSpec) async throws(BranchError) -> String {
        let images = try images()
        var names = [server.image].compactMap(\.self) + images.candidates(for: server.postgresVersion)
        for major in Self.usualMajors { names += images.candidates(for: major) }
        for name in names where try await engine.image(name) != nil { return name }
        throw engine.missingImage(names.first ?? Self.defaultImage)
    }

    private var settingsForAll: String {
        engine.hint.command("settings --postgres-image 'postgres:\(PostgresImages.place)'")
    }

    /// Tried if the version is unknown.
    private static let usualMajors = [18, 17, 16, 15, 14]

    /// For a shell in an image of unknown or irrelevant version.
    static let anyPath = "PATH=$PATH" + usualMajors.map { ":/usr/lib/postgresql/\($0)/bin" }.joined()

    // MARK: What a branch manager asks

    package func versionForNewServer(_ asked: Int?) throws(BranchError) -> Int? { asked }

    package func versionsForNewServers() -> [Int] { [] }

    package func checkCanMake(version: Int?) async throws(BranchError) {
        try await engine.checkPresence()
        _ = try await imageForNew(version)
    }

    package func majorVersion(_ server: ServerSpec) async throws(BranchError) -> Int? {
        guard try await isRunning(server) else { return nil }
        return try await major(ofDataIn: name(server))
    }

    package func imageName(_ server: ServerSpec) async throws(BranchError) -> String? {
        try await engine.container(name(server))?.Config.Image
    }
}
