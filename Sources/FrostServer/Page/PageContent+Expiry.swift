import BranchManager
import Foundation
import FrostPages

/// What pages say of branches that expire.
extension PageContent {
    /// nil of a branch that never expires.
    static func expiry(of branch: BranchDetails) -> ExpiryView? {
        guard let expiry = branch.expiry, let ttl = expiry.ttl else { return nil }
        return ExpiryView(
            value: ttl.value,
            isInHours: ttl.unit == .hours,
            text: ttl.text,
            ends: end(branch.deletesAt ?? max(expiry.expiresAt, .now)),
            isExpired: branch.deletesAt != nil
        )
    }
}
