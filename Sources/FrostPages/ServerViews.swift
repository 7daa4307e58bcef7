/// One client's connection to a branch.
package struct SessionRow: Sendable {
    /// Its address and port.
    package var client: String
    /// The process id in `pg_stat_activity`; nil until the server has sent it.
    package var backendProcess: String?
    /// "4 min".
    package var age: String

    package init(client: String, backendProcess: String?, age: String) {
        self.client = client
        self.backendProcess = backendProcess
        self.age = age
    }
}

/// The end of a branch's server log, on request.
package struct ServerLogView: Sendable {
    /// The link to this page with the log, or without it.
    package var href: String
    /// Its location, as a sentence.
    package var home: String?
    /// Whole lines; nil if not requested, or unreadable.
    package var text: String?
    package var fault: String?
    package let isShown: Bool
    package let isEmpty: Bool

    package init(href: String, home: String?, text: String?, fault: String?) {
        self.href = href
        self.home = home
        self.text = text
        self.fault = fault
        isShown = text != nil || fault != nil
        isEmpty = text?.isEmpty == true
    }
}
