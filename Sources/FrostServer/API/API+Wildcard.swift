import BranchManager
import Foundation
import HTTPTypes
import RouteMap

extension API {
    /// The preview of a new wildcard domain, and former hostnames.
    static func hostnames(_ state: ServerState) -> [Endpoint] {
        [
            Endpoint(
                method: .get,
                path: "/settings/wildcard-preview",
                name: "settings.previewWildcard",
                summary: "The effects of a new wildcard domain on hostnames, sessions, DNS and certificates.",
                query: [.init("base", "The domain, with or without *. in front; empty for none.")],
                answer: .object("WildcardPreview")
            ) { exchange in
                try await checking("wildcardBase") {
                    let text = exchange.query["base"] ?? ""
                    let preview = try await WildcardPreview(
                        of: text.isEmpty ? nil : WildcardDomain.parse(text),
                        in: state.store,
                        gateway: state.gateway.condition().answer,
                        issuesCertificates: state.issuesCertificates,
                        lookup: state.lookup
                    )
                    return Answer(.ok, Shapes.wildcardPreview(preview))
                }
            }
        ]
            + ["targets", "branches"].map { plural in
                Endpoint(
                    method: .delete,
                    path: "/databases/{databaseId}/\(plural)/{targetId}/aliases/{hostname}",
                    name: "\(plural).endAlias",
                    summary: "Removes a former hostname of a branch. Sessions continue.",
                    answer: .object("Target")
                ) { exchange in
                    let target = try state.target(exchange)
                    try await state.manager.endAlias(exchange.parameter("hostname"), of: target.target.id)
                    return Answer(.ok, Shapes.target(try state.target(exchange)))
                }
            }
    }

    /// How long old hostnames are kept, in seconds; nil to remove them at once.
    static func keptFor(_ exchange: Exchange, _ field: String) throws -> AliasDuration? {
        try exchange.integer(field).map { try AliasDuration(seconds: $0) }
    }
}

extension Shapes {
    /// The number of branches listed; more are counted.
    private static let listedChanges = 100

    static let hostnameChange = Shape<HostnameChange>(
        "HostnameChange",
        [
            .init("targetId", .string) { .string($0.branch.target.id) },
            .init("name", .string) { .string($0.branch.displayName) },
            .init("from", .string, orNull: true) { .text($0.branch.target.hostname) },
            .init("to", .string, orNull: true) { .text($0.hostname) },
        ]
    )

    static let wildcardPreview = Shape<WildcardPreview>(
        "WildcardPreview",
        [
            .init("wildcardBase", .string, orNull: true) { .text($0.base?.name) },
            .init("current", .string, orNull: true) { .text($0.current?.name) },
            .init("confirmation", .string, orNull: true) { .text($0.confirmation) },
            .init("hostnames", .integer(nil)) { .integer($0.changes.count) },
            .init("changes", .list(.object("HostnameChange"))) {
                .array($0.changes.prefix(listedChanges).map { hostnameChange($0) })
            },
            .init("sessions", .integer(nil), orNull: true) { .integer($0.sessions) },
            .init("resolution", .oneOf(WildcardPreview.Resolution.allCases.map(\.rawValue)), orNull: true) {
                .text($0.resolution?.kind.rawValue)
            },
            .init("resolutionText", .string, orNull: true) { .text($0.resolution?.sentence) },
            .init("certificate", .oneOf(WildcardPreview.Coverage.allCases.map(\.rawValue)), orNull: true) {
                .text($0.coverage?.kind.rawValue)
            },
            .init("certificateText", .string, orNull: true) { .text($0.coverage?.sentence) },
        ]
    )
}
