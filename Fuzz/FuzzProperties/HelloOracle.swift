import TLSWire

/// A second reader of ClientHellos: over all bytes at once, with indices, after the grammar of RFC 8446 sections 4.1.2
/// and 5.1, RFC 6066 section 3 and RFC 7301 section 3.1. It shares no line with ``ClientHelloReader``.
struct HelloOracle {
    private enum Malformed: Error { case malformed }

    private let bytes: ArraySlice<UInt8>
    private var position: Int

    private init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    private var isAtEnd: Bool { position == bytes.endIndex }

    private mutating func take(_ count: Int) throws(Malformed) -> ArraySlice<UInt8> {
        guard bytes.endIndex - position >= count else { throw .malformed }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func number(_ count: Int) throws(Malformed) -> Int {
        try take(count).reduce(0) { $0 * 256 + Int($1) }
    }

    /// A vector whose length stands in front of it, in so many bytes.
    private mutating func vector(_ count: Int) throws(Malformed) -> HelloOracle {
        HelloOracle(try take(try number(count)))
    }

    static func read(_ bytes: [UInt8]) -> ClientHelloReader.Outcome {
        var fragments: [UInt8] = []
        var isBroken = false
        var place = 0
        while bytes.count - place >= 5 {
            let length = Int(bytes[place + 3]) * 256 + Int(bytes[place + 4])
            guard bytes[place] == 22, bytes[place + 1] == 3, length >= 1, length <= 16_384 else {
                isBroken = true
                break
            }
            let end = min(bytes.count, place + 5 + length)
            fragments += bytes[place + 5..<end]
            place = end
        }
        if fragments.count >= 4 {
            let length = Int(fragments[1]) * 65_536 + Int(fragments[2]) * 256 + Int(fragments[3])
            guard fragments[0] == 1, length <= 16_384 else { return .unreadable }
            if fragments.count >= 4 + length {
                var body = HelloOracle(fragments[4..<4 + length])
                do throws(Malformed) {
                    return .complete(try body.hello())
                } catch {
                    return .unreadable
                }
            }
        }
        return isBroken ? .unreadable : .incomplete
    }

    private mutating func hello() throws(Malformed) -> ClientHello {
        _ = try take(34)  // version, random
        _ = try vector(1)  // session id
        _ = try vector(2)  // cipher suites
        _ = try vector(1)  // compression methods
        var found: [(type: Int, content: HelloOracle)] = []
        if !isAtEnd {
            var extensions = try vector(2)
            while !extensions.isAtEnd { found.append((try extensions.number(2), try extensions.vector(2))) }
            guard isAtEnd else { throw .malformed }
        }
        let names = found.filter { $0.type == 0 }
        guard names.count < 2 else { throw .malformed }
        var hello = ClientHello.silent
        for name in names { hello.serverName = try Self.serverName(name.content) }
        // Several are BoringSSL's to refuse.
        for list in found where list.type == 16 { hello.applicationProtocols = try Self.protocols(list.content) }
        return hello
    }

    private static func serverName(_ content: HelloOracle) throws(Malformed) -> String {
        var content = content
        var list = try content.vector(2)
        guard try list.number(1) == 0 else { throw .malformed }
        let name = try list.vector(2)
        guard content.isAtEnd, list.isAtEnd, !name.bytes.isEmpty else { throw .malformed }
        return String(decoding: name.bytes, as: UTF8.self)
    }

    private static func protocols(_ content: HelloOracle) throws(Malformed) -> [String] {
        var content = content
        var list = try content.vector(2)
        guard content.isAtEnd else { throw .malformed }
        var names: [String] = []
        while !list.isAtEnd {
            let name = try list.vector(1)
            guard !name.bytes.isEmpty else { throw .malformed }
            names.append(String(decoding: name.bytes, as: UTF8.self))
        }
        return names
    }
}
