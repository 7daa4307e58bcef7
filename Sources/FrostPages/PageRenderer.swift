import Mustache
import RouteMap

/// Renders the HTML of the web page, and provides its style sheet and script.
///
/// Templates, style sheets and scripts are compiled into the program, so that a static binary needs no files.
package struct PageRenderer: Sendable {
    /// A template is missing from the program.
    package struct MissingTemplate: Error, CustomStringConvertible {
        package let name: String
        package var description: String { "the page template \(name) is missing" }
    }

    private let library: MustacheLibrary
    private let loginPage: MustacheTemplate
    private let homePage: MustacheTemplate
    private let branchPage: MustacheTemplate
    private let settingsPage: MustacheTemplate
    private let gatewayPage: MustacheTemplate
    private let problemPage: MustacheTemplate

    /// Parses all templates, so that an invalid one is reported at start and not to the first visitor.
    package init() throws {
        // Register it before parsing templates that use it.
        MustacheContentTypes.register(ScalarEscapedHTML(), named: ScalarEscapedHTML.name)
        var library = MustacheLibrary()
        for (name, bytes) in Self.templates {
            try library.register(
                "{{% CONTENT_TYPE:\(ScalarEscapedHTML.name)}}" + String(decoding: bytes, as: UTF8.self),
                named: name
            )
        }
        func page(_ name: String) throws -> MustacheTemplate {
            guard let template = library.getTemplate(named: name) else { throw MissingTemplate(name: name) }
            return template
        }
        loginPage = try page("login")
        homePage = try page("home")
        branchPage = try page("branch")
        settingsPage = try page("settings")
        gatewayPage = try page("gatewaypage")
        problemPage = try page("problem")
        self.library = library
    }

    package func login(_ view: LoginView) -> String { loginPage.render(view, library: library) }
    package func home(_ view: HomeView) -> String { homePage.render(view, library: library) }
    package func branch(_ view: BranchView) -> String { branchPage.render(view, library: library) }
    package func settings(_ view: SettingsView) -> String { settingsPage.render(view, library: library) }
    package func gateway(_ view: GatewayPageView) -> String { gatewayPage.render(view, library: library) }
    package func problem(_ view: ProblemView) -> String { problemPage.render(view, library: library) }

    /// `/assets/frost.css`.
    package static let css: [UInt8] =
        PackageResources.frost_css + PackageResources.components_css + PackageResources.pages_css
        + PackageResources.branch_css + PackageResources.connect_css + PackageResources.gateway_css
        + PackageResources.wildcard_css + PackageResources.overview_css + PackageResources.gatewaypage_css

    /// `/assets/frost.js`.
    package static let js: [UInt8] =
        Array("(() => {\n\"use strict\";\n\(slugLetters)\n".utf8)
        + PackageResources.frost_js + PackageResources.forms_js + PackageResources.wildcard_js
        + PackageResources.connect_js + PackageResources.lost_js + PackageResources.gone_js
        + PackageResources.elapsed_js + PackageResources.tree_js + PackageResources.names_js
        + PackageResources.overview_js + PackageResources.live_js
        + Array("})();\n".utf8)

    /// The replacements of letters in hostnames, for an exact preview of names. In a fixed order, so that browsers can
    /// cache the script.
    private static var slugLetters: String {
        let pairs = Slug.letters.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }
        return "const slugLetters = {\(pairs.joined(separator: ","))};"
    }

    private static let templates: KeyValuePairs<String, [UInt8]> = [
        "layout": PackageResources.layout_mustache,
        "tree": PackageResources.tree_mustache,
        "operations": PackageResources.operations_mustache,
        "server": PackageResources.server_mustache,
        "connect": PackageResources.connect_mustache,
        "gatewaynotice": PackageResources.gatewaynotice_mustache,
        "certificates": PackageResources.certificates_mustache,
        "branchdialogs": PackageResources.branchdialogs_mustache,
        "overview": PackageResources.overview_mustache,
        "homedialogs": PackageResources.homedialogs_mustache,
        "wildcarddialog": PackageResources.wildcarddialog_mustache,
        "login": PackageResources.login_mustache,
        "home": PackageResources.home_mustache,
        "branch": PackageResources.branch_mustache,
        "settings": PackageResources.settings_mustache,
        "gatewaypage": PackageResources.gatewaypage_mustache,
        "problem": PackageResources.problem_mustache,
    ]
}

/// Escapes HTML scalar by scalar.
///
/// The library's own goes by characters, and a quotation mark with a combining accent behind it is another
/// character than a quotation mark: it stays as it is, and a name with one breaks out of its attribute.
struct ScalarEscapedHTML: MustacheContentType {
    static let name = "SCALAR-ESCAPED-HTML"

    func escapeText(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
            case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
            case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
            case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
            case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
