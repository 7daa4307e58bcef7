import Testing

/// A tag of a page, as far as the tests of pages want to know it.
struct MarkupTag {
    var name: String
    var attributes: [String: String] = [:]
    var isEnd: Bool
}

/// A place in a page where no tag can be read.
struct MarkupFault: Error {
    var near: String
}

/// The tags of a page, in order. Stricter than a browser: attributes have quotes or no value.
func tags(of html: String) throws -> [MarkupTag] {
    let tag =
        #/
        < (\/?) ([a-z][a-z0-9]*)
        ( (?: \s+ [a-zA-Z][a-zA-Z0-9-]* (?: ="[^"<>]*" )? )* )
        \s* \/? >
        /#.matchingSemantics(.unicodeScalar)
    let attribute = /([a-zA-Z][a-zA-Z0-9-]*)(?:="([^"]*)")?/.matchingSemantics(.unicodeScalar)
    var found: [MarkupTag] = []
    var rest = html[...]
    while let start = rest.unicodeScalars.firstIndex(of: "<") {
        rest = rest[start...]
        if rest.hasPrefix("<!doctype html>") {
            rest = rest.dropFirst("<!doctype html>".count)
            continue
        }
        guard let match = try tag.prefixMatch(in: rest) else { throw MarkupFault(near: String(rest.prefix(120))) }
        var attributes: [String: String] = [:]
        for pair in match.output.3.matches(of: attribute) {
            attributes[String(pair.output.1)] = pair.output.2.map(String.init) ?? ""
        }
        found.append(
            MarkupTag(name: String(match.output.2), attributes: attributes, isEnd: !match.output.1.isEmpty)
        )
        rest = rest[match.range.upperBound...]
    }
    return found
}

/// Checks what holds for every page: tags are closed, ids are unique, controls have labels, references lead somewhere.
func check(_ html: String) throws {
    let void: Set = ["meta", "link", "input", "path", "br"]
    let all = try tags(of: html)
    var open: [String] = []
    var labelled = Set<String>()
    var ids = Set<String>()
    for tag in all {
        if tag.isEnd {
            #expect(open.popLast() == tag.name)
            continue
        }
        if !void.contains(tag.name) {
            open.append(tag.name)
        }
        if tag.name == "label", let target = tag.attributes["for"] {
            labelled.insert(target)
        }
        if let id = tag.attributes["id"] {
            #expect(ids.insert(id).inserted, "the id \(id) is there twice")
        }
        if tag.attributes["data-live"] != nil {
            #expect(tag.attributes["id"] != nil, "a live element needs an id")
        }
    }
    #expect(open.isEmpty)
    for tag in all where !tag.isEnd {
        if ["input", "select", "textarea"].contains(tag.name) {
            let id = try #require(tag.attributes["id"])
            #expect(labelled.contains(id), "\(id) has no label")
        }
        for reference in ["for", "aria-labelledby", "aria-describedby", "data-open", "popovertarget"] {
            for id in tag.attributes[reference]?.split(separator: " ") ?? [] {
                #expect(ids.contains(String(id)), "\(reference) leads to \(id), which is not there")
            }
        }
    }
}

extension String.UnicodeScalarView {
    /// Whether the scalars are in here one after the other, whatever characters they belong to.
    func contains(_ other: String.UnicodeScalarView) -> Bool {
        let (whole, part) = (Array(self), Array(other))
        return whole.indices.contains { whole[$0...].starts(with: part) }
    }
}
