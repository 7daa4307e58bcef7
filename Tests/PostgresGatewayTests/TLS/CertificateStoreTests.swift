import Foundation
import GatewayCore
import PostgresGateway
import TestSupport
import Testing

/// Certificates that are exchanged while the gateway runs.
@Suite struct CertificateStoreTests {
    private func withDirectory(_ body: (TemporaryDirectory) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("certificates")
        defer { directory.remove() }
        try await body(directory)
    }

    /// A pair that was made elsewhere, put in place one file at a time.
    private func replacement(in directory: TemporaryDirectory) async throws -> SelfSignedCertificate {
        try await SelfSignedCertificate.make(in: directory.directory("elsewhere"), for: ["one.example"])
    }

    private func copy(_ source: String, to target: String) throws {
        try Data(contentsOf: URL(fileURLWithPath: source)).write(to: URL(fileURLWithPath: target))
    }

    @Test("Files that have not changed are not read; changed ones once they are the same at two looks")
    func change() async throws {
        try await withDirectory { directory in
            let pair = try await SelfSignedCertificate.make(in: directory, for: ["one.example"])
            let store = try CertificateStore(.pair(certFile: pair.certFile, keyFile: pair.keyFile))
            let before = store.current.context(serverName: nil)
            #expect(store.reloadIfChanged().isUnchanged)
            let new = try await replacement(in: directory)
            try copy(new.certFile, to: pair.certFile)
            try copy(new.keyFile, to: pair.keyFile)
            #expect(store.reloadIfChanged().isSettling)
            #expect(store.current.context(serverName: nil) === before)
            #expect(store.reloadIfChanged().loaded != nil)
            #expect(store.current.context(serverName: nil) !== before)
            #expect(store.reloadIfChanged().isUnchanged)
        }
    }

    @Test(
        "A certificate without its key, a key that does not fit, half a file: the old pair stays, and what is wrong is told"
    )
    func halfWritten() async throws {
        try await withDirectory { directory in
            let pair = try await SelfSignedCertificate.make(in: directory, for: ["one.example"])
            let store = try CertificateStore(.pair(certFile: pair.certFile, keyFile: pair.keyFile))
            let before = store.current.context(serverName: nil)
            let new = try await replacement(in: directory)
            // The certificate has come, its key has not.
            try copy(new.certFile, to: pair.certFile)
            _ = store.reloadIfChanged()
            #expect(store.reloadIfChanged().faults?.first?.description.contains("does not match") == true)
            #expect(store.faults.count == 1)
            // The same fault is not told again and again.
            #expect(store.reloadIfChanged().isUnchanged)
            for content in ["", String(try String(contentsOfFile: new.keyFile, encoding: .utf8).prefix(60))] {
                try Data(content.utf8).write(to: URL(fileURLWithPath: pair.keyFile))
                _ = store.reloadIfChanged()
                #expect(store.reloadIfChanged().faults?.first?.description.contains(pair.keyFile) == true)
            }
            try FileManager.default.removeItem(atPath: pair.keyFile)
            _ = store.reloadIfChanged()
            #expect(store.reloadIfChanged().faults?.first?.description.contains(pair.keyFile) == true)
            #expect(store.current.context(serverName: nil) === before)

            try copy(new.keyFile, to: pair.keyFile)
            _ = store.reloadIfChanged()
            #expect(store.reloadIfChanged().loaded != nil)
            #expect(store.faults.isEmpty)
            #expect(store.current.context(serverName: nil) !== before)
        }
    }

    @Test("A directory: a pair that is bad keeps its old one, the others are exchanged, come and go")
    func directory() async throws {
        try await withDirectory { directory in
            for name in ["a.example", "b.example"] {
                _ = try await SelfSignedCertificate.make(in: directory, name: name, for: [name])
            }
            let store = try CertificateStore(.directory(directory.path, fallback: nil))
            let (a, b) = (
                store.current.context(serverName: "a.example"), store.current.context(serverName: "b.example")
            )
            _ = try await SelfSignedCertificate.make(in: directory, name: "a.example", for: ["a.example"])
            _ = try await SelfSignedCertificate.make(in: directory, name: "c.example", for: ["c.example"])
            try directory.write("nonsense", to: "b.example.key")
            let faults = try #require(store.reload().faults)
            #expect(faults.count == 1)
            #expect(faults.first?.description.contains("b.example.key") == true)
            #expect(store.current.context(serverName: "a.example") !== a)
            #expect(store.current.context(serverName: "b.example") === b)
            #expect(store.current.pairs.count == 3)

            try await Command.check("rm", [directory.file("b.example.crt"), directory.file("b.example.key")])
            #expect(store.reload().loaded?.pairs.count == 2)
            // Not one pair left, or no directory: all stay.
            try await Command.check("rm", ["-r", directory.path])
            #expect(store.reload().faults?.first?.description.contains(directory.path) == true)
            #expect(store.current.pairs.count == 2)
        }
    }

    @Test("At the start a bad pair is left out and told; without any good one there is no store")
    func start() async throws {
        try await withDirectory { directory in
            try directory.write("nonsense", to: "b.example.crt")
            #expect(throws: ConfigurationError.self) { try CertificateStore(.directory(directory.path, fallback: nil)) }
            _ = try await SelfSignedCertificate.make(in: directory, name: "a.example", for: ["a.example"])
            let store = try CertificateStore(.directory(directory.path, fallback: nil))
            #expect(store.current.pairs.count == 1)
            #expect(store.faults.map(\.description).contains { $0.contains("b.example.crt") })
            // Tried again later, though nothing has changed; the same fault is not told again.
            for _ in 0..<40 { #expect(store.reloadIfChanged().isUnchanged) }
        }
    }

    @Test("A symbolic link that is exchanged, as certificate tools do")
    func symbolicLink() async throws {
        try await withDirectory { directory in
            for name in ["old", "new"] {
                _ = try await SelfSignedCertificate.make(in: directory.directory(name), for: ["one.example"])
            }
            let live = directory.file("live")
            try await Command.check("ln", ["-s", directory.file("old"), live])
            let store = try CertificateStore(.pair(certFile: "\(live)/server.crt", keyFile: "\(live)/server.key"))
            try await Command.check("ln", ["-sfn", directory.file("new"), live])
            #expect(store.reloadIfChanged().isSettling)
            #expect(store.reloadIfChanged().loaded != nil)
        }
    }
}

extension CertificateStore.Reload {
    fileprivate var isUnchanged: Bool { if case .unchanged = self { true } else { false } }
    fileprivate var isSettling: Bool { if case .settling = self { true } else { false } }
    fileprivate var loaded: CertificateTable? { if case .loaded(let table) = self { table } else { nil } }
    fileprivate var faults: [ConfigurationError]? { if case .failed(let faults) = self { faults } else { nil } }
}
