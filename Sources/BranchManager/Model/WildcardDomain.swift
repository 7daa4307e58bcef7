import Foundation
package import RouteMap

/// What hostnames end in, as people write it.
package enum WildcardDomain {
    /// Takes a domain in any case, with or without `*.` in front, a dot at its end and spaces around it.
    ///
    /// - Throws: ``BranchError/invalid(_:)`` that says which rule it breaks.
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

    /// - Throws: ``BranchError/invalid(_:)`` for a domain that leaves no room for branch and project.
    static func check(_ base: Hostname) throws(BranchError) {
        guard base.name.utf8.count <= HostnameBuilder.maximumBaseLength else {
            throw .invalid(
                "'\(base)' is too long for a wildcard domain; at most \(HostnameBuilder.maximumBaseLength) characters"
            )
        }
    }
}
