import Foundation
import HTTPTypes
import Hummingbird

/// One route of the API, with its description for the OpenAPI document.
struct Endpoint: Sendable {
    /// A field of the request body.
    struct Field: Sendable {
        var name: String
        var type: FieldType
        var isRequired: Bool
        var isNullable = false
        /// For a field of Frost that this frost does not support: the alternative.
        var instead: String?

        init(_ name: String, _ type: FieldType, required isRequired: Bool = true, orNull isNullable: Bool = false) {
            self.name = name
            self.type = type
            self.isRequired = isRequired
            self.isNullable = isNullable
        }

        /// A field of Frost that is accepted only as null.
        ///
        /// - Parameter instead: the alternative, as a sentence.
        static func onlyNull(_ name: String, _ type: FieldType, instead: String) -> Field {
            var field = Field(name, type, required: false, orNull: true)
            field.instead = instead
            return field
        }
    }

    /// A query parameter.
    struct Parameter: Sendable {
        var name: String
        var summary: String

        init(_ name: String, _ summary: String) {
            self.name = name
            self.summary = summary
        }
    }

    var method: HTTPRequest.Method
    /// Under `/api`; parameters in braces.
    var path: String
    /// The unique operationId of OpenAPI.
    var name: String
    var summary: String
    /// Whether it needs no token.
    var isOpen = false
    /// Whether Frost has this endpoint: then unknown fields in the body are ignored, as in Frost.
    var isFrosts = false
    /// Query parameters; all are optional.
    var query: [Parameter] = []
    var fields: [Field] = []
    var status: HTTPResponse.Status = .ok
    /// nil for a response without a body.
    var answer: FieldType?
    var handle: @Sendable (Exchange) async throws -> Answer
}

/// The parts of a request that endpoints use.
struct Exchange: Sendable {
    let parameters: Parameters
    let body: [String: JSONValue]
    let query: [String: String]

    /// Limit of a request body, in bytes.
    static let maximumBody = 64 * 1_024

    /// Reads the body and validates it against the endpoint's fields.
    ///
    /// - Throws: ``APIError`` that names the field.
    init(_ request: Request, parameters: Parameters, endpoint: Endpoint) async throws {
        self.parameters = parameters
        query = Dictionary(request.uri.queryParameters.map { (String($0.key), String($0.value)) }) { first, _ in first }
        var request = request
        let buffer: ByteBuffer
        do {
            buffer = try await request.collectBody(upTo: Self.maximumBody)
        } catch {
            throw APIError(.tooLarge, "the body is larger than \(Self.maximumBody) bytes")
        }
        if buffer.readableBytes == 0 {
            body = [:]
        } else {
            let text = Data(buffer.readableBytesView)
            guard case .object(let object) = try? JSONDecoder().decode(JSONValue.self, from: text) else {
                throw APIError(.malformed, "the body is not a JSON object")
            }
            body = object
        }
        let known = Set(endpoint.fields.map(\.name))
        if !endpoint.isFrosts, let unknown = body.keys.sorted().first(where: { !known.contains($0) }) {
            let names = known.sorted().joined(separator: ", ")
            throw APIError(
                .invalid,
                "unknown field '\(unknown)'; \(known.isEmpty ? "no fields are allowed" : "use \(names)")",
                field: unknown
            )
        }
        for field in endpoint.fields {
            guard let value = body[field.name] else {
                if field.isRequired { throw APIError(.invalid, "\(field.name) is missing", field: field.name) }
                continue
            }
            if let instead = field.instead, value != .null {
                throw APIError(.invalid, "\(field.name) cannot be set here: \(instead)", field: field.name)
            }
            guard field.type.takes(value) || (field.isNullable && value == .null) else {
                throw APIError(.invalid, "\(field.name) is not \(field.type.description)", field: field.name)
            }
        }
    }

    func parameter(_ name: String) throws -> String { try parameters.require(name) }

    func string(_ name: String) -> String? {
        if case .string(let value) = body[name] { value } else { nil }
    }

    func integer(_ name: String) -> Int? {
        if case .integer(let value) = body[name] { value } else { nil }
    }

    func bool(_ name: String) -> Bool? {
        if case .bool(let value) = body[name] { value } else { nil }
    }
}

extension FieldType {
    func takes(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.any, _), (.string, .string), (.boolean, .bool), (.date, .integer): true
        case (.integer(let range), .integer(let number)): range?.contains(number) ?? true
        case (.oneOf(let values), .string(let text)): values.contains(text)
        case (.object, .object): true
        case (.list(let type), .array(let values)): values.allSatisfy(type.takes)
        default: false
        }
    }

    var description: String {
        switch self {
        case .string: "a string"
        case .boolean: "true or false"
        case .any: "a value"
        case .date: "a number of milliseconds"
        case .integer(let range): range.map { "a number from \($0.lowerBound) to \($0.upperBound)" } ?? "a whole number"
        case .oneOf(let values): "one of \(values.joined(separator: ", "))"
        case .object: "an object"
        case .list: "a list"
        }
    }
}
