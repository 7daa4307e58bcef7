import Foundation
import RouteMap

/// Letters that hostnames have others for, as ``Slug`` has it: for scripts of a page, which cannot ask it.
enum TransliteratedLetters {
    /// Latin with its supplements, the schwa of the phonetic alphabet, Greek and Cyrillic.
    private static let blocks: [ClosedRange<UInt32>] = [
        0x00C0...0x024F, 0x0259...0x0259, 0x0370...0x03FF, 0x0400...0x052F,
    ]

    /// In order of their numbers. Letters that Unicode decomposes into others are left out: a page decomposes as well.
    static let all: [(letter: Unicode.Scalar, latin: String)] = blocks.flatMap { block in
        block.compactMap { Unicode.Scalar($0) }.compactMap { letter in
            let text = String(letter)
            guard letter.properties.isLowercase,
                text.decomposedStringWithCompatibilityMapping.unicodeScalars.elementsEqual(text.unicodeScalars)
            else { return nil }
            // Between two letters one that is not known becomes a hyphen, and one that is dropped nothing.
            let slug = Slug.make("a\(text)a").dropFirst().dropLast()
            return slug == "-" ? nil : (letter, String(slug))
        }
    }
}
