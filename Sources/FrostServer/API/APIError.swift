import BranchManager
import HTTPTypes

/// An error response: a code for programs, a sentence for people, and the field at fault.
struct APIError: Error, Hashable, Sendable {
    enum Code: String, CaseIterable, Sendable {
        case malformed
        case invalid
        case unauthorized
        case forbidden
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        case exists
        case notAllowed = "not_allowed"
        case busy
        case tooLarge = "too_large"
        case runtime
        case store
        case unexpected
    }

    var code: Code
    var message: String
    var field: String?

    init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }

    /// - Parameter field: the field of an invalid name or value.
    init(_ error: BranchError, field: String? = nil) {
        let text = error.description
        switch error {
        case .invalid: self.init(.invalid, text, field: field)
        case .notFound: self.init(.notFound, text)
        case .exists: self.init(.exists, text, field: field)
        case .notAllowed: self.init(.notAllowed, text)
        case .busy, .cancelled: self.init(.busy, text)
        case .runtime: self.init(.runtime, text)
        case .store: self.init(.store, text)
        }
    }

    var status: HTTPResponse.Status {
        switch code {
        case .malformed: .badRequest
        case .invalid: .unprocessableContent
        case .unauthorized: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .exists, .notAllowed, .busy: .conflict
        case .tooLarge: .contentTooLarge
        case .runtime: .badGateway
        case .store: .serviceUnavailable
        case .unexpected: .internalServerError
        }
    }

    /// The status's name in Frost's API (oRPC's common error codes).
    var statusName: String {
        switch code {
        case .malformed: "BAD_REQUEST"
        case .invalid: "UNPROCESSABLE_CONTENT"
        case .unauthorized: "UNAUTHORIZED"
        case .forbidden: "FORBIDDEN"
        case .notFound: "NOT_FOUND"
        case .methodNotAllowed: "METHOD_NOT_SUPPORTED"
        case .exists, .notAllowed, .busy: "CONFLICT"
        case .tooLarge: "PAYLOAD_TOO_LARGE"
        case .runtime: "BAD_GATEWAY"
        case .store: "SERVICE_UNAVAILABLE"
        case .unexpected: "INTERNAL_SERVER_ERROR"
        }
    }

    var answer: Answer { Answer(status, Shapes.error(self)) }
}
