import Foundation
import HTTPTypes

/// The OpenAPI 3.1 document, generated from the endpoints.
enum OpenAPI {
    static func document(_ endpoints: [Endpoint], version: String) -> JSONValue {
        var paths: [String: [String: JSONValue]] = [:]
        for endpoint in endpoints {
            paths["\(API.prefix)\(endpoint.path)", default: [:]][endpoint.method.rawValue.lowercased()] = operation(
                endpoint
            )
        }
        paths["\(API.prefix)/events"] = ["get": events]
        return .object([
            "openapi": .string("3.1.0"),
            "info": .object([
                "title": .string("frost"), "version": .string(version),
                "description": .string(
                    "PostgreSQL branches of a host. Long operations return 202 with an operation to follow; "
                        + "\(API.prefix)/events streams changes (text/event-stream)."
                ),
            ]),
            "security": .array([.object(["token": .array([])])]),
            "paths": .object(paths.mapValues(JSONValue.object)),
            "components": .object([
                "schemas": .object(
                    Shapes.schemas.merging([
                        "Document": .object(["type": .string("object"), "additionalProperties": .bool(true)])
                    ]) { first, _ in first }
                ),
                "securitySchemes": .object([
                    "token": .object([
                        "type": .string("apiKey"), "in": .string("header"), "name": .string(AccessToken.header),
                    ])
                ]),
            ]),
        ])
    }

    /// The endpoint of the event stream.
    private static var events: JSONValue {
        let kinds = EventHub.Event.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        return .object([
            "operationId": .string("events.listen"),
            "summary": .string("Changes as server-sent events \(kinds)."),
            "responses": .object([
                "200": .object([
                    "description": .string("An endless stream."),
                    "content": .object(["text/event-stream": .object(["schema": FieldType.string.schema()])]),
                ]),
                "default": fault,
            ]),
        ])
    }

    private static var fault: JSONValue {
        .object([
            "description": .string("The error, and its cause."),
            "content": .object(["application/json": .object(["schema": FieldType.object("Error").schema()])]),
        ])
    }

    private static func operation(_ endpoint: Endpoint) -> JSONValue {
        var answer: [String: JSONValue] = ["description": .string(endpoint.summary)]
        if let type = endpoint.answer {
            answer["content"] = .object(["application/json": .object(["schema": type.schema()])])
        }
        var answers: [String: JSONValue] = [String(endpoint.status.code): .object(answer), "default": fault]
        // If there was nothing to do.
        if endpoint.status == .accepted { answers["200"] = .object(answer) }
        var operation: [String: JSONValue] = [
            "operationId": .string(endpoint.name), "summary": .string(endpoint.summary), "responses": .object(answers),
        ]
        var parameters = endpoint.path.matches(of: /\{([A-Za-z]+)\}/).map { match in
            JSONValue.object([
                "name": .string(String(match.1)), "in": .string("path"), "required": .bool(true),
                "schema": .object(["type": .string("string")]),
            ])
        }
        parameters += endpoint.query.map { parameter in
            .object([
                "name": .string(parameter.name), "in": .string("query"), "description": .string(parameter.summary),
                "schema": .object(["type": .string("string")]),
            ])
        }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if endpoint.isOpen { operation["security"] = .array([]) }
        if !endpoint.fields.isEmpty {
            let required = endpoint.fields.filter(\.isRequired).map { JSONValue.string($0.name) }
            let properties = endpoint.fields.map { ($0.name, $0.type.schema(orNull: $0.isNullable)) }
            operation["requestBody"] = .object([
                "required": .bool(!required.isEmpty),
                "content": .object([
                    "application/json": .object([
                        "schema": .object([
                            "type": .string("object"), "additionalProperties": .bool(endpoint.isFrosts),
                            "required": .array(required),
                            "properties": .object(Dictionary(uniqueKeysWithValues: properties)),
                        ])
                    ])
                ]),
            ])
        }
        return .object(operation)
    }
}
