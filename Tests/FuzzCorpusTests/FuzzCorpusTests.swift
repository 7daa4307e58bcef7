import Foundation
import FuzzProperties
import NIOCore
import TestSupport
import Testing

/// The inputs that are kept of the fuzzers, replayed through what `make fuzz` checks of any input.
@Suite struct FuzzCorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fuzz")

    /// The files of a fuzzer, by name; none where it has no folder of that kind.
    private static func inputs(_ target: FuzzTarget, in kind: String) throws -> [(name: String, bytes: [UInt8])] {
        let folder = Self.folder.appending(path: kind).appending(path: target.rawValue)
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .map { ($0.lastPathComponent, Array(try Data(contentsOf: $0))) }
            .sorted { $0.name < $1.name }
    }

    @Test("Every input of the corpus keeps the rules", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let inputs = try Self.inputs(target, in: "Corpus")
        #expect(inputs.count > 5, "the corpus of \(target.rawValue) is missing")
        for (name, bytes) in inputs {
            do throws(Violation) {
                try target.check(ByteBuffer(bytes: bytes))
            } catch {
                Issue.record("\(target.rawValue)/\(name): \(error)")
            }
        }
    }

    @Test("No input that once crashed a fuzzer does again", arguments: FuzzTarget.allCases)
    func crashes(target: FuzzTarget) throws {
        for (name, bytes) in try Self.inputs(target, in: "Crashes") {
            do throws(Violation) {
                try target.check(ByteBuffer(bytes: bytes))
            } catch {
                Issue.record("\(target.rawValue)/\(name): \(error)")
            }
        }
    }

    /// A little fuzzing without a fuzzer: the same changes every time.
    @Test("Inputs of the corpus, changed in a few bytes, keep the rules", arguments: FuzzTarget.allCases)
    func changed(target: FuzzTarget) async throws {
        var random = SplitMix64(seed: 21)
        for (name, bytes) in try Self.inputs(target, in: "Corpus") where !bytes.isEmpty {
            await Task.yield()  // computing for long: others wait for the same few threads
            for round in 0..<(bytes.count < 1_000 ? 2 : 1) {
                var changed = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let index = Int.random(in: changed.indices, using: &random)
                    changed[index] = UInt8.random(in: 0 ... .max, using: &random)
                }
                if round % 3 == 0 { changed.removeLast(Int.random(in: 0..<changed.count, using: &random)) }
                do throws(Violation) {
                    try target.check(ByteBuffer(bytes: changed))
                } catch {
                    let bytes = changed.map { String($0, radix: 16) }.joined(separator: " ")
                    Issue.record("\(target.rawValue)/\(name), changed to \(bytes): \(error)")
                }
            }
        }
    }
}
