import Foundation

/// A text as a label of a hostname.
///
/// Letters become Latin ones where Unicode or a common transliteration has them. The table is our own and not ICU's:
/// a name is the same on every system and with every version, since people have it in their settings.
package enum Slug {
    /// Lowercased, transliterated, other characters to hyphens, runs of hyphens folded, none at either end.
    /// Empty when nothing is left. May be longer than a label.
    ///
    /// Marks are dropped, whatever the language: ü is u, as in ICU's Latin-ASCII, and not ue.
    package static func make(_ text: String) -> String {
        var slug = ""
        for scalar in text.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9":
                slug.unicodeScalars.append(scalar)
            case _ where scalar.properties.generalCategory == .nonspacingMark:
                continue
            default:
                if let letters = Self.letters[scalar] {
                    slug += letters
                } else if !slug.isEmpty, slug.last != "-" {
                    slug.append("-")
                }
            }
        }
        while slug.last == "-" { slug.removeLast() }
        return slug
    }

    /// Lowercase letters that Unicode does not decompose into Latin ones: Latin, Cyrillic (as BGN/PCGN has it), Greek.
    /// For a page, which shows names while they are typed.
    package static let letters: [Unicode.Scalar: String] = [
        "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i",
        "ŋ": "ng", "ŧ": "t", "ƒ": "f", "ə": "e",
        "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "ye", "ж": "zh", "з": "z",
        "и": "i", "і": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
        "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "",
        "э": "e", "ю": "yu", "я": "ya", "ђ": "dj", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "џ": "dz", "ѕ": "dz",
        "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k",
        "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t",
        "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
    ]
}
