import BranchManager
import HTTPTypes
import Hummingbird

/// The caller: a program with the token, or a browser logged in with it.
struct Authenticator: Sendable {
    let store: BranchStore

    private static let tokenField = HTTPField.Name(AccessToken.header)
    private static let siteField = HTTPField.Name("Sec-Fetch-Site")

    /// - Throws: ``APIError`` that names the missing or wrong credential.
    func check(_ request: Request) throws {
        if let field = Self.tokenField, let token = request.headers[field] {
            guard try AccessToken.isRight(token, in: store) else {
                throw APIError(
                    .unauthorized,
                    "the token in \(AccessToken.header) is wrong; create a new one: \(store.hint.command("token rotate"))"
                )
            }
            return
        }
        guard try isLoggedIn(request) else {
            throw APIError(
                .unauthorized,
                "send the token that frost up printed in the header \(AccessToken.header); if it is lost, create a new one: "
                    + store.hint.command("token rotate")
            )
        }
        guard Self.isSafe(request) || Self.isFromHere(request) else {
            throw APIError(.forbidden, "requests from another site are refused")
        }
    }

    func isLoggedIn(_ request: Request) throws -> Bool {
        guard let value = Self.login(of: request) else { return false }
        return try Login.isRight(value, in: store)
    }

    static func login(of request: Request) -> String? { request.cookies[Login.cookie]?.value }

    private static func isSafe(_ request: Request) -> Bool { request.method == .get || request.method == .head }

    /// Whether a browser reports that the request comes from our own page (Fetch Metadata; RFC 6454 section 7). A
    /// client that sends neither header is not a logged-in browser, or is too old.
    static func isFromHere(_ request: Request) -> Bool {
        if let field = siteField, let site = request.headers[field] { return site == "same-origin" }
        guard let origin = request.headers[.origin], let authority = request.head.authority else { return false }
        return origin == "http://\(authority)" || origin == "https://\(authority)"
    }
}
