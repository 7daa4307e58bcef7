import Crypto
import Foundation

/// Gives targets their hostnames: `<target>.pg.<project>.<wildcard base>`.
///
/// A name is clean when it is what its target and project are called, made safe. It carries `-` and
/// eight characters of base32 SHA-256 of the target's id when it had to be cut, when nothing was
/// left of it, or when another target has the clean one. Whoever has a name keeps it for as long as
/// its own label does not change: nobody's name changes because of what happens to others.
package enum HostnameBuilder {
    /// What a hostname is made from.
    package struct Request: Hashable, Sendable {
        /// Immutable; decides the suffix.
        package var targetID: String
        /// What the target is called, as its owner wrote it.
        package var target: String
        /// What the project is called, as its owner wrote it.
        package var project: String
        package var projectID: String

        package init(targetID: String, target: String, projectID: String, project: String) {
            self.targetID = targetID
            self.target = target
            self.projectID = projectID
            self.project = project
        }
    }

    /// Longest wildcard base, in characters, that leaves room for two labels of 63 and `.pg.`.
    package static let maximumBaseLength = Hostname.maximumLength - 2 * Hostname.maximumLabelLength - 5

    /// Names for all targets.
    ///
    /// - Parameters:
    ///   - requests: the oldest target first.
    ///   - base: the wildcard base; at most ``maximumBaseLength`` characters.
    ///   - previous: the names the targets have now, by their ids.
    /// - Returns: a name for every target, by its id; all different.
    /// - Throws: ``HostnameError`` for a base that is no hostname or too long.
    package static func names(
        for requests: [Request],
        base: Hostname,
        keeping previous: [String: Hostname] = [:]
    ) throws(HostnameError) -> [String: Hostname] {
        guard base.name.utf8.count <= maximumBaseLength else { throw .tooLong(base.name.utf8.count) }
        var names: [String: Hostname] = [:]
        var taken: Set<Hostname> = []
        let candidates = try requests.map { request throws(HostnameError) in try Candidates(request, base: base) }
        // Those first that may keep what they have; the rest then takes what is free, the oldest first.
        for candidate in candidates {
            guard let name = previous[candidate.targetID], candidate.allows(name) else { continue }
            if taken.insert(name).inserted { names[candidate.targetID] = name }
        }
        for candidate in candidates where names[candidate.targetID] == nil {
            // A number for those whose suffixed name is taken too: by an id with the same 40 bits of hash, or by
            // a target that is called so.
            var number = Candidates.firstNumber
            var name = candidate.clean ?? candidate.suffixed
            if taken.contains(name) { name = candidate.suffixed }
            while taken.contains(name) {
                name = try candidate.numbered(number)
                number += 1
            }
            taken.insert(name)
            names[candidate.targetID] = name
        }
        return names
    }

    /// A text as a label: lowercased, other characters to hyphens, runs of hyphens folded, none at either end.
    /// Empty when nothing is left. May be longer than a label.
    package static func slug(_ text: String) -> String {
        var slug = ""
        for scalar in text.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9": slug.unicodeScalars.append(scalar)
            case _ where !slug.isEmpty && slug.last != "-": slug.append("-")
            default: break
            }
        }
        while slug.last == "-" { slug.removeLast() }
        return slug
    }

    /// What sets a name apart: eight characters of base32 (RFC 4648 section 6, lowercase), of 40 bits of SHA-256.
    package static func hash(_ id: String) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
        let bits = SHA256.hash(data: Data(id.utf8)).prefix(5).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return String((0..<8).map { alphabet[Int(bits >> (35 - 5 * UInt64($0)) & 31)] })
    }

    /// The label of a project; two that are called alike share it.
    private static func projectLabel(_ request: Request) -> String {
        let slug = slug(request.project)
        return slug.isEmpty || slug.utf8.count > Hostname.maximumLabelLength
            ? suffixed(slug, with: hash(request.projectID)) : slug
    }

    /// A label that ends in a suffix, cut so that both fit.
    fileprivate static func suffixed(_ slug: String, with suffix: String) -> String {
        var head = slug.prefix(Hostname.maximumLabelLength - suffix.utf8.count - 1)
        while head.last == "-" { head.removeLast() }
        return head.isEmpty ? suffix : "\(head)-\(suffix)"
    }

    private struct Candidates {
        /// Of the second who would have the suffixed name.
        static let firstNumber = 2

        let targetID: String
        /// nil when the label had to be cut, or nothing was left of it.
        let clean: Hostname?
        let suffixed: Hostname
        private let slug: String
        private let zone: String

        init(_ request: Request, base: Hostname) throws(HostnameError) {
            targetID = request.targetID
            slug = HostnameBuilder.slug(request.target)
            zone = "pg.\(HostnameBuilder.projectLabel(request)).\(base)"
            let isClean = !slug.isEmpty && slug.utf8.count <= Hostname.maximumLabelLength
            clean = isClean ? try Hostname("\(slug).\(zone)") : nil
            let label = HostnameBuilder.suffixed(slug, with: HostnameBuilder.hash(request.targetID))
            suffixed = try Hostname("\(label).\(zone)")
        }

        /// Whether a name is one that this target may be given: whoever has it keeps it.
        func allows(_ name: Hostname) -> Bool {
            if name == clean || name == suffixed { return true }
            // With a number: made anew from what is read as one, so that no other text passes for it.
            let label = name.name.prefix { $0 != "." }
            guard let hyphen = label.lastIndex(of: "-"), let number = Int(label[label.index(after: hyphen)...]),
                number >= Self.firstNumber
            else { return false }
            return (try? numbered(number)) == name
        }

        func numbered(_ number: Int) throws(HostnameError) -> Hostname {
            let suffix = "\(HostnameBuilder.hash(targetID))-\(number)"
            return try Hostname("\(HostnameBuilder.suffixed(slug, with: suffix)).\(zone)")
        }
    }
}
