import Crypto
import Foundation

/// Gives targets their hostnames: `<target>.pg.<project>.<wildcard base>`.
///
/// A name is clean when it is what its target and project are called, made safe. Where another target has the clean
/// name, `<target>-<database>` comes next, then `-` and eight characters of base32 SHA-256 of the target's id, which
/// also names that had to be cut, or of which nothing was left, carry. A target keeps its name for as long as its
/// own label does not change: changes to other targets do not affect it.
package enum HostnameBuilder {
    /// What a hostname is made from.
    package struct Request: Hashable, Sendable {
        /// Immutable; decides the suffix.
        package var targetID: String
        /// What the target is called, as its owner wrote it.
        package var target: String
        /// What its database is called.
        package var database: String
        /// What the project's label is made from.
        package var project: String
        package var projectID: String
        /// What the project is called.
        package var projectName: String

        /// - Parameter projectName: ``project`` where nil.
        package init(
            targetID: String,
            target: String,
            database: String = "",
            projectID: String,
            project: String,
            projectName: String? = nil
        ) {
            self.targetID = targetID
            self.target = target
            self.database = database
            self.projectID = projectID
            self.project = project
            self.projectName = projectName ?? project
        }

        package var place: Place {
            Place(project: projectName, database: database, branch: Slug.make(target))
        }
    }

    /// A branch as people know it. The next branch of the same database that is called so has the same place.
    package struct Place: Hashable, Sendable {
        package var project: String
        package var database: String
        /// As in a hostname.
        package var branch: String

        package init(project: String, database: String, branch: String) {
            self.project = project
            self.database = database
            self.branch = branch
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
        try names(for: requests, base: base, preferring: previous.mapValues { [$0] }, reserved: [:])
    }

    /// Names for all targets.
    ///
    /// - Parameters:
    ///   - previous: names that the targets have or had, by their ids, the best first.
    ///   - reserved: names that only a target of this place may be given, or one that has had it.
    ///   - aliases: names that lead to a target beside its own, by the target's id: no other target may be given them.
    static func names(
        for requests: [Request],
        base: Hostname,
        preferring previous: [String: [Hostname]],
        reserved: [Hostname: Place],
        aliases: [Hostname: String] = [:]
    ) throws(HostnameError) -> [String: Hostname] {
        guard base.name.utf8.count <= maximumBaseLength else { throw .tooLong(base.name.utf8.count) }
        var names: [String: Hostname] = [:]
        var taken: Set<Hostname> = []
        let candidates = try requests.map { request throws(HostnameError) in try Candidates(request, base: base) }
        // Those first that may keep what they have; the rest then takes what is free, the oldest first.
        for candidate in candidates {
            let id = candidate.request.targetID
            for name in previous[id] ?? [] where candidate.allows(name) && aliases[name] ?? id == id {
                guard taken.insert(name).inserted else { continue }
                names[id] = name
                break
            }
        }
        for candidate in candidates where names[candidate.request.targetID] == nil {
            let name = try candidate.firstName { name in
                let id = candidate.request.targetID
                guard !taken.contains(name), aliases[name] ?? id == id else { return false }
                guard let place = reserved[name] else { return true }
                return place == candidate.request.place
            }
            taken.insert(name)
            names[candidate.request.targetID] = name
        }
        return names
    }

    /// What sets a name apart: eight characters of base32 (RFC 4648 section 6, lowercase), of 40 bits of SHA-256.
    package static func hash(_ id: String) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")
        let bits = SHA256.hash(data: Data(id.utf8)).prefix(5).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return String((0..<8).map { alphabet[Int(bits >> (35 - 5 * UInt64($0)) & 31)] })
    }

    /// What the hostnames of a project end in: `pg.<project>.<wildcard base>`. Two projects that are called alike share
    /// it.
    ///
    /// - Parameters:
    ///   - project: what the project is called.
    ///   - projectID: decides the suffix of a name that has to be cut, or of which nothing is left.
    package static func zone(ofProject project: String, id projectID: String, base: Hostname) -> String {
        let slug = Slug.make(project)
        let label =
            slug.isEmpty || slug.utf8.count > Hostname.maximumLabelLength
            ? suffixed(slug, with: hash(projectID)) : slug
        return "pg.\(label).\(base)"
    }

    /// A label that ends in a suffix, cut so that both fit.
    private static func suffixed(_ slug: String, with suffix: String) -> String {
        var head = slug.prefix(Hostname.maximumLabelLength - suffix.utf8.count - 1)
        while head.last == "-" { head.removeLast() }
        return head.isEmpty ? suffix : "\(head)-\(suffix)"
    }

    /// The names that one target may have, the best first.
    private struct Candidates {
        /// Of the second who would have the suffixed name.
        private static let firstNumber = 2

        let request: Request
        /// The clean name, and the one with the database; without those that would have to be cut, and without both
        /// where nothing is left of what the target is called.
        private let plain: [Hostname]
        private let suffixed: Hostname
        private let slug: String
        private let zone: String

        init(_ request: Request, base: Hostname) throws(HostnameError) {
            self.request = request
            slug = Slug.make(request.target)
            zone = HostnameBuilder.zone(ofProject: request.project, id: request.projectID, base: base)
            let database = Slug.make(request.database)
            var labels: [String] = []
            if !slug.isEmpty { labels.append(slug) }
            if !slug.isEmpty, !database.isEmpty { labels.append("\(slug)-\(database)") }
            var plain: [Hostname] = []
            for label in labels where label.utf8.count <= Hostname.maximumLabelLength {
                plain.append(try Hostname("\(label).\(zone)"))
            }
            self.plain = plain
            let label = HostnameBuilder.suffixed(slug, with: HostnameBuilder.hash(request.targetID))
            suffixed = try Hostname("\(label).\(zone)")
        }

        /// The first that is free. A number is for those whose suffixed name is taken too: by an id with the same 40
        /// bits of hash, or by a target that is called so.
        func firstName(where isFree: (Hostname) -> Bool) throws(HostnameError) -> Hostname {
            for name in plain + [suffixed] where isFree(name) { return name }
            var number = Self.firstNumber
            while true {
                let name = try numbered(number)
                if isFree(name) { return name }
                number += 1
            }
        }

        /// Whether this target may be given a name, so that it keeps the one it has.
        func allows(_ name: Hostname) -> Bool {
            if plain.contains(name) || name == suffixed { return true }
            // With a number: build the label again from the number that was read, so that no other text passes for it.
            let label = name.name.prefix { $0 != "." }
            guard let hyphen = label.lastIndex(of: "-"), let number = Int(label[label.index(after: hyphen)...]),
                number >= Self.firstNumber
            else { return false }
            return (try? numbered(number)) == name
        }

        private func numbered(_ number: Int) throws(HostnameError) -> Hostname {
            let suffix = "\(HostnameBuilder.hash(request.targetID))-\(number)"
            return try Hostname("\(HostnameBuilder.suffixed(slug, with: suffix)).\(zone)")
        }
    }
}
