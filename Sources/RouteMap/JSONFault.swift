/// A fault of a JSON text, and its location.
struct JSONFault: Error, Hashable, Sendable {
    enum Step: Hashable, Sendable {
        case key(String)
        case index(Int)
    }

    /// Of the byte at fault.
    var offset: Int
    var problem: String
    /// The keys and places in lists that lead there, the innermost first: each level adds its own on
    /// the way out, so a text without a fault pays nothing for it.
    var path: [Step] = []

    /// The same fault, seen from around the value of a key; unchanged for nil, when it was between two members.
    func within(key: String?) -> JSONFault {
        guard let key else { return self }
        return within(.key(key))
    }

    /// The same fault, seen from around an element of a list.
    func within(index: Int) -> JSONFault { within(.index(index)) }

    private func within(_ step: Step) -> JSONFault {
        var fault = self
        fault.path.append(step)
        return fault
    }
}

/// A key that a reader knows. The raw value is its place in a set of bits.
protocol JSONKey {
    init?(name: String)
    var rawValue: UInt8 { get }
}

/// No key at all: what a reader knows of an object that it skips.
enum NoKey: JSONKey {
    init?(name: String) { return nil }

    var rawValue: UInt8 {
        switch self {}
    }
}

/// The members of one object, as far as they have been read.
struct JSONMembers<Key: JSONKey> {
    /// Up to so many unknown keys are compared one by one; more are hashed.
    private static var fewKeys: Int { 16 }

    /// The key whose value is being read; nil between two members.
    var current: String?
    var isFirst = true
    private var known: UInt64 = 0
    /// Bytes, since texts compare as equal that have other bytes.
    private var unknown: [[UInt8]] = []
    private var manyUnknown: Set<[UInt8]> = []

    init() {}

    /// Takes note of a known key.
    ///
    /// - Returns: whether it is new.
    mutating func insert(_ key: Key) -> Bool {
        let bit = UInt64(1) << UInt64(key.rawValue & 63)
        defer { known |= bit }
        return known & bit == 0
    }

    /// Takes note of a key that the reader does not know.
    ///
    /// - Returns: whether it is new.
    mutating func insertUnknown(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        if unknown.count < Self.fewKeys {
            guard !unknown.contains(bytes) else { return false }
            unknown.append(bytes)
            return true
        }
        if manyUnknown.isEmpty { manyUnknown = Set(unknown) }
        return manyUnknown.insert(bytes).inserted
    }
}
