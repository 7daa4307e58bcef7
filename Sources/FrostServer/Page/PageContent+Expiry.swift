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
            ends: (branch.deletesAt ?? branch.expiresAt.map { max($0, .now) }).map { end($0) },
            isExpired: branch.deletesAt != nil
        )
    }
}
