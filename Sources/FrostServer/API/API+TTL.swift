import BranchManager

extension API {
    static let ttlValue = "ttlValue"
    static let ttlUnit = "ttlUnit"

    /// The time without use after which a branch expires, in Frost's format.
    static let ttl: [Endpoint.Field] = [
        .init(ttlValue, .integer(BranchTTL.values), required: false, orNull: true),
        .init(ttlUnit, .oneOf(BranchTTL.Unit.allCases.map(\.rawValue)), required: false, orNull: true),
    ]

    /// The value in a request body.
    struct TTLChange: Sendable {
        /// nil for never.
        var ttl: BranchTTL?
    }

    /// - Returns: nil if the body does not set it.
    /// - Throws: ``APIError`` that names the field.
    static func ttlChange(_ exchange: Exchange) async throws -> TTLChange? {
        guard let value = exchange.integer(ttlValue) else {
            return exchange.body[ttlValue] == nil ? nil : TTLChange(ttl: nil)
        }
        guard let unit = exchange.string(ttlUnit).flatMap(BranchTTL.Unit.init) else {
            throw APIError(.invalid, "\(ttlUnit) is missing", field: ttlUnit)
        }
        return try await checking(ttlValue) { TTLChange(ttl: try BranchTTL(value: value, unit: unit)) }
    }
}

extension Shapes {
    /// Of every branch; null if it never expires.
    static let expiry: [Shape<BranchDetails>.Field] = [
        .init(API.ttlValue, .integer(BranchTTL.values), orNull: true) { .integer($0.expiry?.ttlValue) },
        .init(API.ttlUnit, .oneOf(BranchTTL.Unit.allCases.map(\.rawValue)), orNull: true) {
            .text($0.expiry?.ttlUnit.rawValue)
        },
        .init("lastActivityAt", .date, orNull: true) { .date($0.expiry?.lastUsedAt) },
        .init("expiresAt", .date, orNull: true) { .date($0.expiresAt) },
        .init("deletesAt", .date, orNull: true) { .date($0.deletesAt) },
    ]
}
