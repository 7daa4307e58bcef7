/// One client's connection to a branch.
package struct SessionRow: Sendable {
    /// Its address and port.
    package var client: String
    /// The process id of `pg_stat_activity`; nil before the server has told it.
    package var backendProcess: String?
    /// "4 min".
    package var age: String

    package init(client: String, backendProcess: String?, age: String) {
        self.client = client
        self.backendProcess = backendProcess
        self.age = age
    }
}

/// The end of the log of a branch's server, for readers who ask for it.
package struct ServerLogView: Sendable {
    /// This page with the log, or without it.
    package var href: String
    /// Where it is kept, in a sentence.
    package var home: String?
    /// Whole lines; nil while nobody has asked, or when it cannot be read.
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
