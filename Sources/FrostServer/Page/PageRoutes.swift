import BranchManager
import Foundation
import FrostPages
import HTTPTypes
import Hummingbird
import Logging

/// The routes of the page and of the login.
struct PageRoutes: Sendable {
    private let state: ServerState
    private let content: PageContent
    private let renderer: PageRenderer
    private let authenticator: Authenticator

    /// There is no page at an address.
    private struct MissingPage: Error {
        var sentence: String
    }

    /// Limit of a form, in bytes.
    private static let maximumForm = 4 * 1_024

    /// - Throws: when a template is invalid.
    init(_ state: ServerState) throws {
        self.state = state
        content = PageContent(state: state)
        renderer = try PageRenderer()
        authenticator = Authenticator(store: state.store)
    }

    func add(to router: Router<ServerContext>) {
        router.get("/") { request, context in
            await page(request, context) { renderer.home(try await content.home()) }
        }
        router.get("/settings") { request, context in
            await page(request, context) { renderer.settings(try await content.settings()) }
        }
        router.get("/gateway") { request, context in
            await page(request, context) {
                do {
                    return renderer.gateway(try await content.gateway(query: Self.query(request)))
                } catch BranchError.notFound {
                    throw MissingPage(sentence: "There is no branch with this id. It may have been deleted.")
                }
            }
        }
        router.get("/branches/{targetId}") { request, context in
            await page(request, context) {
                do {
                    return renderer.branch(
                        try await content.branch(
                            context.parameters.require("targetId"),
                            query: Self.query(request)
                        )
                    )
                } catch BranchError.notFound {
                    throw MissingPage(sentence: "There is no branch with this id. It may have been deleted.")
                }
            }
        }
        router.get("/login") { request, _ in
            let next = LoginReturn(in: request)
            if (try? authenticator.isLoggedIn(request)) == true { return Self.redirect(next.path) }
            return Self.html(login(next, notice: reason(request)))
        }
        router.get("\(OneTimeLogins.path)/{secret}") { request, context in logInOnce(request, context) }
        router.post("/login") { request, context in await logIn(request, context) }
        router.post("/logout") { request, context in
            guard Authenticator.isFromHere(request) else { return Self.redirect("/") }
            do {
                if let value = Authenticator.login(of: request) { try Login.end(value, in: state.store) }
            } catch {
                state.logger.error("logout failed", metadata: ["error": "\(error)"])
                return await problem(.serviceUnavailable, "You are still logged in", "\(error)", context)
            }
            return Self.redirect("/login", cookie: Self.cookie("", lifetime: 0, request))
        }
        for (path, bytes, type) in [
            ("/assets/frost.css", PageRenderer.css, "text/css; charset=utf-8"),
            ("/assets/frost.js", PageRenderer.js, "text/javascript; charset=utf-8"),
        ] {
            let buffer = ByteBuffer(bytes: bytes)
            router.get(RouterPath(path)) { _, _ in
                Response(
                    status: .ok,
                    headers: [.contentType: type, .cacheControl: "public, max-age=31536000, immutable"],
                    body: ResponseBody(byteBuffer: buffer)
                )
            }
        }
        router.get("/**") { request, context in
            await page(request, context) { throw MissingPage(sentence: "There is no page at this address.") }
        }
    }

    /// A page for logged-in users; others are redirected to the login.
    private func page(
        _ request: Request,
        _ context: ServerContext,
        _ body: () async throws -> String
    ) async -> Response {
        do {
            guard try authenticator.isLoggedIn(request) else {
                return Self.redirect(LoginReturn(to: request.uri.string).loginPath)
            }
            return Self.html(try await body())
        } catch let missing as MissingPage {
            return await problem(.notFound, "Not found", missing.sentence, context)
        } catch {
            state.logger.error("page failed", metadata: ["error": "\(error)"])
            return await problem(.internalServerError, "This page could not be loaded", "\(error)", context)
        }
    }

    private func problem(
        _ status: HTTPResponse.Status,
        _ title: String,
        _ sentence: String,
        _ context: ServerContext
    ) async -> Response {
        guard let view = try? await content.problem(status.code, title, sentence) else {
            return Response(
                status: status,
                headers: [.contentType: "text/plain"],
                body: .init(byteBuffer: .init(string: title))
            )
        }
        return Self.html(renderer.problem(view), status: status)
    }

    private func logIn(_ request: Request, _ context: ServerContext) async -> Response {
        var request = request
        let next = LoginReturn(in: request)
        do {
            guard Authenticator.isFromHere(request) else {
                return Self.html(login(next, fault: "This login came from another site."), status: .forbidden)
            }
            let form = try await request.collectBody(upTo: Self.maximumForm)
            let fields = URLComponents(string: "?\(String(buffer: form).replacing("+", with: "%20"))")?.queryItems ?? []
            let token =
                fields.first { $0.name == "token" }?.value?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
            guard let value = try Login.begin(with: token, in: state.store) else {
                return Self.html(
                    login(
                        next,
                        fault:
                            "Wrong token. frost printed it when it first started; create a new one with: "
                            + state.store.hint.command("token rotate")
                    ),
                    status: .unauthorized
                )
            }
            return Self.redirect(next.path, cookie: Self.cookie(value, lifetime: Login.lifetime, request))
        } catch {
            return Self.html(login(next, fault: "The login was invalid; try again."), status: .badRequest)
        }
    }

    /// Opening a link logs in once; a HEAD request does not use it up.
    private func logInOnce(_ request: Request, _ context: ServerContext) -> Response {
        do {
            if try authenticator.isLoggedIn(request) { return Self.redirect("/") }
            guard request.method == .get, state.oneTimeLogins.use(try context.parameters.require("secret")) else {
                return Self.html(
                    login(
                        LoginReturn(in: request),
                        fault: "This link has been used, or is more than ten minutes old. Log in with the token."
                    ),
                    status: .unauthorized
                )
            }
            let value = try Login.begin(in: state.store)
            return Self.redirect("/", cookie: Self.cookie(value, lifetime: Login.lifetime, request))
        } catch {
            return Self.html(
                login(LoginReturn(in: request), fault: "Could not save the login. Try again."),
                status: .serviceUnavailable
            )
        }
    }

    private func login(_ next: LoginReturn, notice: String? = nil, fault: String? = nil) -> String {
        renderer.login(
            LoginView(
                assetVersion: PageContent.assetVersion,
                action: next.loginPath,
                notice: notice,
                fault: fault
            )
        )
    }

    /// Why a browser is no longer logged in, if known.
    private func reason(_ request: Request) -> String? {
        guard let value = Authenticator.login(of: request),
            (try? Login.hasEndedWithToken(value, in: state.store)) == true
        else { return nil }
        return "You were logged out because the token was changed."
    }

    private static func query(_ request: Request) -> [String: String] {
        let parameters = request.uri.queryParameters.map { (String($0.key), String($0.value)) }
        return Dictionary(parameters) { first, _ in first }
    }

    // MARK: Answers

    private static func html(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }

    private static func redirect(_ path: String, cookie: Cookie? = nil) -> Response {
        var response = Response(status: .seeOther, headers: [.location: path, .cacheControl: "no-store"])
        if let cookie { response.setCookie(cookie) }
        return response
    }

    /// Scripts cannot read it, and other sites' pages do not send it (RFC 6265bis). Behind a TLS proxy it is sent over
    /// TLS only.
    private static func cookie(_ value: String, lifetime: Int, _ request: Request) -> Cookie {
        let isEncrypted = HTTPField.Name("X-Forwarded-Proto").flatMap { request.headers[$0] } == "https"
        return Cookie(
            name: Login.cookie,
            value: value,
            maxAge: lifetime,
            path: "/",
            secure: isEncrypted,
            httpOnly: true,
            sameSite: .strict
        )
    }
}
