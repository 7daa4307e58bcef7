import ArgumentParser
import BranchManager
import Foundation

/// Shell completions of names, read from the store.
enum BranchCompletion {
    static let branches = CompletionKind.custom { words, _, prefix in
        offer(words, prefix) { store throws(BranchError) in
            // Complete database/branch too once the database has been typed.
            try store.branches().flatMap { [$0.displayName, $0.qualifiedName] }
        }
    }

    static let databases = CompletionKind.custom { words, _, prefix in
        offer(words, prefix) { store throws(BranchError) in try store.databases().map(\.name) }
    }

    private static func offer(
        _ words: [String],
        _ prefix: String,
        _ names: (BranchStore) throws(BranchError) -> [String]
    ) -> [String] {
        var options = FrostOptions.plain
        if let index = words.firstIndex(of: "--data-dir"), words.indices.contains(index + 1) {
            options.dataDir = words[index + 1]
        }
        // Do not print errors into a command line that is being typed.
        guard let store = try? BranchStore.open(in: options.dataDirectory, making: false),
            let found = try? names(store)
        else { return [] }
        var seen: Set<String> = []
        return found.filter { $0.hasPrefix(prefix) && seen.insert($0).inserted }
    }
}
