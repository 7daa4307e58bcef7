/// That a branch expires when nobody uses it.
package struct ExpiryView: Sendable {
    package let value: Int
    package let isInHours: Bool
    /// "7 days".
    package let text: String
    /// When it expires, or is deleted once it has; nil while its time does not pass.
    package let ends: Moment?
    /// Why it does not.
    package let pause: String?
    package let isExpired: Bool

    package init(value: Int, isInHours: Bool, text: String, ends: Moment?, pause: String? = nil, isExpired: Bool) {
        self.value = value
        self.isInHours = isInHours
        self.text = text
        self.ends = ends
        self.pause = pause
        self.isExpired = isExpired
    }

    /// What happens next to one that has expired; nil before.
    package var deletion: String? {
        isExpired ? ends.map { "Deleted \($0.text) unless you start it" } : nil
    }
}
