/// A fault of a route map, with the line and the key where it is.
package struct RouteMapError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1 up; nil where there is no text, or the fault is the whole file's.
    package var line: Int?
    /// The path of the key, e.g. `routes[3].hostPort`; empty when the fault is the whole file's.
    package var key: String
    package var problem: String
    /// There is no such file, as before the first map is written.
    package var isMissingFile = false
    /// The file could not be read, for a reason that may pass.
    package var isReadFailure = false

    package init(line: Int? = nil, key: String, problem: String) {
        self.line = line
        self.key = key
        self.problem = problem
    }

    /// One line, e.g. `line 12: routes[3].hostPort: 1.5 is not a whole number`.
    package var description: String {
        let place = line.map { "line \($0): " } ?? ""
        return key.isEmpty ? place + problem : "\(place)\(key): \(problem)"
    }

    /// A text of the map, made fit for a fault: on one line, and not longer than a hostname may be.
    static func shown(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(Hostname.maximumLength) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }
}

extension RouteMapError {
    /// - Parameter bytes: what the fault was found in.
    init(_ fault: JSONFault, in bytes: UnsafeBufferPointer<UInt8>) {
        var key = ""
        for step in fault.path.reversed() {
            switch step {
            case .index(let index): key += "[\(index)]"
            case .key(let name): key += (key.isEmpty ? "" : ".") + Self.shown(name)
            }
        }
        let before = bytes.prefix(fault.offset)
        self.init(line: before.count { $0 == UInt8(ascii: "\n") } + 1, key: key, problem: fault.problem)
    }
}
