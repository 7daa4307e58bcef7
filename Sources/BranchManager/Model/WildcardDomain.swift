import Foundation
package import RouteMap

/// The domain of hostnames, as users write it.
package enum WildcardDomain {
    /// Accepts a domain in any case, with or without a leading `*.`, a final dot and surrounding spaces.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` with the broken rule.
    package static func parse(_ text: String) throws(BranchError) -> Hostname {
        var name = text.trimmingCharacters(in: .whitespacesAndNewlines)[...]
        if name.hasPrefix("*.") { name = name.dropFirst(2) }
        let base: Hostname
        do {
            base = try Hostname(name)
        } catch .empty {
            throw .invalid("the wildcard domain is empty; use one such as example.net")
        } catch {
            throw .invalid("the wildcard domain '\(text.prefix(100))' \(error); use one such as example.net")
        }
        try check(base)
        return base
    }

    /// - Throws: ``BranchError/invalid(_:)`` for a domain too long to add branch and project.
    static func check(_ base: Hostname) throws(BranchError) {
        guard base.name.utf8.count <= HostnameBuilder.maximumBaseLength else {
            throw .invalid(
                "'\(base)' is too long for a wildcard domain; at most \(HostnameBuilder.maximumBaseLength) characters"
            )
        }
    }
}
