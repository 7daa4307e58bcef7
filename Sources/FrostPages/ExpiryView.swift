/// The expiry of an unused branch.
package struct ExpiryView: Sendable {
    package let value: Int
    package let isInHours: Bool
    /// "7 days".
    package let text: String
    /// When it expires, or will be deleted after that; nil while time does not count.
    package let ends: Moment?
    /// Why time does not count.
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

    /// What happens next to an expired branch; nil before.
    package var deletion: String? {
        isExpired ? ends.map { "Deleted \($0.text) unless you start it" } : nil
    }
}
