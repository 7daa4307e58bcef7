import Foundation

/// Any JSON, looked into by keys; what is not there is null.
struct JSONAny: Sendable, Hashable, CustomStringConvertible, Decodable {
    enum Kind: Sendable, Hashable {
        case null
        case bool(Bool)
        case number(Double)
        case string(String)
        case array([JSONAny])
        case object([String: JSONAny])
    }

    var kind: Kind

    static let null = JSONAny(kind: .null)

    init(kind: Kind) { self.kind = kind }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            kind = .null
        } else if let value = try? container.decode(Bool.self) {
            kind = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            kind = .number(value)
        } else if let value = try? container.decode(String.self) {
            kind = .string(value)
        } else if let value = try? container.decode([JSONAny].self) {
            kind = .array(value)
        } else {
            kind = .object(try container.decode([String: JSONAny].self))
        }
    }

    subscript(_ key: String) -> JSONAny {
        if case .object(let object) = kind { object[key] ?? .null } else { .null }
    }

    var text: String? { if case .string(let text) = kind { text } else { nil } }
    var number: Int? { if case .number(let number) = kind { Int(exactly: number) } else { nil } }
    var truth: Bool? { if case .bool(let truth) = kind { truth } else { nil } }
    var isNull: Bool { kind == .null }
    var list: [JSONAny] { if case .array(let list) = kind { list } else { [] } }
    var members: [String: JSONAny] { if case .object(let members) = kind { members } else { [:] } }
    var description: String { "\(kind)" }
}

struct JSONObject: Sendable {
    let value: JSONAny

    init(_ data: Data) throws { value = try JSONDecoder().decode(JSONAny.self, from: data) }
}

/// Holds answers to what the document says of them.
struct OpenAPIDocument {
    let root: JSONAny

    init(_ document: JSONObject) { root = document.value }

    /// Each path with its methods.
    var operations: [(path: String, method: String)] {
        root["paths"].members.flatMap { path, methods in
            methods.members.keys.map { (path, $0.uppercased()) }
        }
    }

    /// What the document does not allow.
    func faults(in body: JSONAny, of method: String, _ path: String, status: Int) -> [String] {
        let path = String(path.prefix { $0 != "?" })
        let entry = root["paths"].members.first { Self.matches(path, $0.key) }
        guard let operation = entry?.value[(method == "HEAD" ? "GET" : method).lowercased()], !operation.isNull else {
            return status == 404 || status == 405 ? [] : ["is not in the document"]
        }
        let answers = operation["responses"]
        let answer = answers.members[String(status)] ?? (status >= 400 ? answers["default"] : .null)
        if answer.isNull { return ["the document has no status \(status)"] }
        let schema = answer["content"]["application/json"]["schema"]
        if schema.isNull {
            return body.isNull ? [] : ["has a body and should have none"]
        }
        return method == "HEAD" ? [] : faults(in: body, schema, at: "body")
    }

    private static func matches(_ path: String, _ template: String) -> Bool {
        let (one, other) = (path.split(separator: "/"), template.split(separator: "/"))
        return one.count == other.count && zip(one, other).allSatisfy { $1.hasPrefix("{") || $0 == $1 }
    }

    private func faults(in value: JSONAny, _ schema: JSONAny, at place: String) -> [String] {
        if let reference = schema["$ref"].text {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            let target = root["components"]["schemas"][name]
            return target.isNull ? ["\(place): no schema \(name)"] : faults(in: value, target, at: place)
        }
        let choices = schema["oneOf"].list
        if !choices.isEmpty {
            let fits = choices.count { self.faults(in: value, $0, at: place).isEmpty }
            return fits == 1 ? [] : ["\(place): fits \(fits) of \(choices.count)"]
        }
        let types = schema["type"].list.isEmpty ? [schema["type"]] : schema["type"].list
        guard types.contains(where: { Self.isOf(value, $0.text ?? "") }) else {
            return ["\(place): \(value) is not \(types)"]
        }
        if !schema["enum"].isNull, !schema["enum"].list.contains(value) {
            return ["\(place): \(value) is not in the enum"]
        }
        var faults: [String] = []
        if case .object(let members) = value.kind {
            for name in schema["required"].list.compactMap(\.text) where members[name] == nil {
                faults.append("\(place).\(name) is missing")
            }
            for (name, member) in members {
                let property = schema["properties"][name]
                if property.isNull, schema["additionalProperties"].kind == .bool(true) { continue }
                if property.isNull {
                    faults.append("\(place).\(name) is not in the document")
                } else {
                    faults += self.faults(in: member, property, at: "\(place).\(name)")
                }
            }
        }
        for (index, element) in value.list.enumerated() {
            faults += self.faults(in: element, schema["items"], at: "\(place)[\(index)]")
        }
        return faults
    }

    private static func isOf(_ value: JSONAny, _ type: String) -> Bool {
        switch (value.kind, type) {
        case (.null, "null"), (.bool, "boolean"), (.string, "string"), (.array, "array"), (.object, "object"): true
        case (.number(let number), "integer"): Int(exactly: number) != nil
        default: false
        }
    }
}
