/// A second reading of what a hostname may be, label by label: DESIGN.md, "Hostnames".
enum HostnameOracle {
    /// - Parameter bytes: in the form in which hostnames are compared.
    static func allows(_ bytes: [UInt8]) -> Bool {
        guard (1...253).contains(bytes.count) else { return false }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        return labels.allSatisfy(isLabel) && labels.last?.allSatisfy(\.isNumber) == false
    }

    private static func isLabel(_ label: String) -> Bool {
        let allowed = "abcdefghijklmnopqrstuvwxyz0123456789-"
        return (1...63).contains(label.utf8.count) && label.allSatisfy(allowed.contains) && !label.hasPrefix("-")
            && !label.hasSuffix("-") && (label.dropFirst(2).prefix(2) != "--" || label.hasPrefix("xn--"))
    }
}
