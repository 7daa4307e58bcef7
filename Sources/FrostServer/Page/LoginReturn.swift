import Foundation
import Hummingbird

/// The page to show after a login: the one requested before, never one of another site.
struct LoginReturn: Hashable, Sendable {
    /// Begins with one slash.
    let path: String

    private static let overview = "/"
    private static let parameter = "next"
    /// In bytes; a page with a query of its own has a few hundred.
    private static let maximumLength = 1_024

    /// - Parameter text: a path with a query; anything else means the overview.
    init(to text: String) {
        path = Self.isPage(text) ? text : Self.overview
    }

    /// The page named in a request for the login.
    init(in request: Request) {
        let next = request.uri.queryParameters.first { $0.key == Self.parameter[...] }?.value
        self.init(to: next.map(String.init) ?? Self.overview)
    }

    /// The address of the login for this page.
    var loginPath: String {
        guard path != Self.overview,
            let escaped = path.addingPercentEncoding(withAllowedCharacters: .alphanumerics)
        else { return "/login" }
        return "/login?\(Self.parameter)=\(escaped)"
    }

    /// Browsers read `//host` and `/\\host` as another site, after removing tabs and line breaks.
    private static func isPage(_ text: String) -> Bool {
        guard text.utf8.count <= maximumLength, text.hasPrefix("/"), !text.hasPrefix("//"),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") })
        else { return false }
        let place = text.prefix { $0 != "?" && $0 != "#" }
        return !["/login", "/logout"].contains(place) && !place.hasPrefix("/api/") && !place.hasPrefix("/assets/")
    }
}
