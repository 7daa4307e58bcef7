/// The fields of an API object, defined once for both the response and its description in the OpenAPI document.
struct Shape<Source>: Sendable {
    struct Field: Sendable {
        var name: String
        var type: FieldType
        var isNullable: Bool
        var value: @Sendable (Source) -> JSONValue

        init(
            _ name: String,
            _ type: FieldType,
            orNull isNullable: Bool = false,
            _ value: @escaping @Sendable (Source) -> JSONValue
        ) {
            self.name = name
            self.type = type
            self.isNullable = isNullable
            self.value = value
        }
    }

    let name: String
    let fields: [Field]

    init(_ name: String, _ fields: [Field]) {
        self.name = name
        self.fields = fields
    }

    func callAsFunction(_ source: Source) -> JSONValue {
        .object(Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.value(source)) }))
    }

    /// In JSON Schema 2020-12, which OpenAPI 3.1 uses.
    var schema: JSONValue {
        .object([
            "type": .string("object"),
            "required": .array(fields.map { .string($0.name) }),
            "properties": .object(
                Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.type.schema(orNull: $0.isNullable)) })
            ),
        ])
    }
}

/// The type of a field.
indirect enum FieldType: Sendable {
    case string
    case oneOf([String])
    case integer(ClosedRange<Int>?)
    case boolean
    /// Milliseconds since 1970.
    case date
    /// Of any type, ignored.
    case any
    case object(String)
    case list(FieldType)

    func schema(orNull isNullable: Bool = false) -> JSONValue {
        var schema: [String: JSONValue]
        switch self {
        case .string: schema = ["type": .string("string")]
        case .oneOf(let values): schema = ["type": .string("string"), "enum": .array(values.map(JSONValue.string))]
        case .integer(let range):
            schema = ["type": .string("integer")]
            if let range {
                schema["minimum"] = .integer(range.lowerBound)
                schema["maximum"] = .integer(range.upperBound)
            }
        case .boolean: schema = ["type": .string("boolean")]
        case .date:
            schema = [
                "type": .string("integer"), "format": .string("int64"),
                "description": .string("Milliseconds since 1970-01-01T00:00:00Z."),
            ]
        case .any: schema = [:]
        case .list(let type): schema = ["type": .string("array"), "items": type.schema()]
        case .object(let name):
            let reference: JSONValue = .object(["$ref": .string("#/components/schemas/\(name)")])
            guard isNullable else { return reference }
            return .object(["oneOf": .array([reference, .object(["type": .string("null")])])])
        }
        if isNullable, let type = schema["type"] {
            schema["type"] = .array([type, .string("null")])
            if case .array(let values) = schema["enum"] { schema["enum"] = .array(values + [.null]) }
        }
        return .object(schema)
    }
}
