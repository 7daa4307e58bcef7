import Foundation
import GatewayContract

extension GatewayReport {
    /// The latest first; empty while the gateway says nothing.
    var refusals: [SessionsDocument.Refusal] {
        Array((condition.answer?.refusals ?? []).prefix(SessionsDocument.Refusal.most))
    }

    /// Limits that are near, or reached.
    var limits: [SessionsDocument.Limit] { condition.answer?.limits ?? [] }
}

extension Shapes {
    static let gatewayLimit = Shape<SessionsDocument.Limit>(
        "GatewayLimit",
        [
            .init("variable", .string) { .string($0.variable) },
            // An owner that is no branch is a client's address, which is for the gateway's operator alone.
            .init("branch", .string, orNull: true) { .text($0.of.flatMap { $0.hasPrefix("dbt_") ? $0 : nil }) },
            .init("used", .integer(nil)) { .integer($0.used) },
            .init("maximum", .integer(nil)) { .integer($0.maximum) },
        ]
    )

    static let gatewayRefusal = Shape<SessionsDocument.Refusal>(
        "GatewayRefusal",
        [
            .init("reason", .string) { .string($0.reason) },
            .init("branch", .string, orNull: true) { .text($0.target) },
            .init("hostname", .string, orNull: true) { .text($0.hostname) },
            .init("count", .integer(nil)) { .integer(Int(clamping: $0.count)) },
            .init("lastAt", .date) { .date(Date.now.addingTimeInterval(-Double($0.ageSeconds))) },
            .init("hint", .string) { .string($0.hint) },
        ]
    )
}
