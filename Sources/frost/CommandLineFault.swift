import ArgumentParser
import Foundation

/// Invalid command lines: suggests the word that was probably meant.
enum CommandLineFault {
    /// Ends the process as ArgumentParser would, with a suggestion for a word that no command has.
    static func end(_ error: any Error) -> Never {
        let words = Array(ProcessInfo.processInfo.arguments.dropFirst())
        // The command has already printed its error.
        if error is ExitCode { FrostCommand.exit(withError: error) }
        guard FrostCommand.exitCode(for: error) == .validationFailure else { FrostCommand.exit(withError: error) }
        let meant = suggestion(words, of: FrostCommand.self).map { "Did you mean 'frost \($0)'?" }
        if words.prefix(while: { $0 != "--" }).contains("--json") {
            CommandFault(usage: FrostCommand.message(for: error), hint: meant).printJSON()
            exit(ExitCode.validationFailure.rawValue)
        }
        if let meant { ErrorOutput.print(meant) }
        FrostCommand.exit(withError: error)
    }

    /// The commands before the first unknown word, with the command that is closest to that word.
    static func suggestion(_ words: [String], of root: any ParsableCommand.Type) -> String? {
        var command = root
        var path: [String] = []
        for word in words {
            if word.hasPrefix("-") { return nil }
            let named = command.configuration.subcommands.flatMap { child in
                names(child).map { (name: $0, command: child) }
            }
            if let child = named.first(where: { $0.name == word }) {
                command = child.command
                path.append(word)
                continue
            }
            let near = named.map { ($0.name, distance(word, $0.name)) }.min { $0.1 < $1.1 }
            guard let near, near.1 <= max(1, word.count / 3) else { return nil }
            return (path + [near.0]).joined(separator: " ")
        }
        return nil
    }

    private static func names(_ command: any ParsableCommand.Type) -> [String] {
        [command._commandName] + command.configuration.aliases
    }

    /// The number of letters inserted, deleted, replaced or swapped with the next (optimal string alignment).
    static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one), Array(other))
        var rows = [Array(0...other.count)]
        for (i, letter) in one.enumerated() {
            var row = [i + 1]
            for (j, otherLetter) in other.enumerated() {
                var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (letter == otherLetter ? 0 : 1))
                if i > 0, j > 0, letter == other[j - 1], one[i - 1] == otherLetter {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows.last?.last ?? 0
    }
}
