import BranchManager
import Foundation
import FrostServer
import RouteMap

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Shows the effects of a new wildcard domain and asks for confirmation.
struct WildcardQuestion {
    let preview: WildcardPreview
    /// For how long old hostnames are kept; nil for not at all.
    let keeps: AliasDuration?

    /// The number of hostnames listed; more are counted.
    private static let shown = 5

    /// Asks on the terminal if branches would lose their hostnames.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` without a terminal, ``BranchError/notAllowed(_:)`` without confirmation.
    func ask() throws(BranchError) {
        guard let expected = preview.confirmation else { return }
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
            throw .invalid(
                "\(counted) would change (\(preview.changes.first.map(Self.line) ?? "")); to confirm, use --yes, "
                    + "and --keep-hostnames 7d to keep the old ones for a while"
            )
        }
        Output.write("\(text)Type \(expected) to continue: ", to: STDERR_FILENO)
        let answer = (readLine() ?? "").trimmingCharacters(in: .whitespaces)
        guard answer == expected else { throw .notAllowed("not confirmed; nothing was changed") }
    }

    private var counted: String {
        preview.changes.count == 1 ? "1 hostname" : "\(preview.changes.count) hostnames"
    }

    private var text: String {
        var lines = [preview.base == nil ? "\(counted) will be removed:" : "\(counted) will change:"]
        lines += preview.changes.prefix(Self.shown).map { "  \(Self.line($0))" }
        if preview.changes.count > Self.shown { lines.append("  and \(preview.changes.count - Self.shown) more") }
        let sessions =
            switch preview.sessions {
            case nil: "unknown, because the gateway does not answer; open ones stay open"
            case 0: "none"
            case 1: "1 open, which stays open"
            case .some(let count): "\(count) open, which stay open"
            }
        lines.append("Sessions: \(sessions)")
        if let resolution = preview.resolution { lines.append("DNS: \(resolution.sentence)") }
        if let coverage = preview.coverage { lines.append("Certificates: \(coverage.sentence)") }
        lines.append(
            keeps.map { "Old hostnames: keep working for \($0.text)" }
                ?? "Old hostnames: stop working at once (--keep-hostnames 7d keeps them for a while)"
        )
        return lines.map { "\($0)\n" }.joined()
    }

    private static func line(_ change: HostnameChange) -> String {
        "\(change.branch.target.hostname ?? "none") -> \(change.hostname ?? "none")"
    }
}
