import BranchManager
import Foundation
import FrostPages

/// The expiry of branches on pages.
extension PageContent {
    /// nil for a branch that never expires.
    static func expiry(of branch: BranchDetails) -> ExpiryView? {
        guard let expiry = branch.expiry, let ttl = expiry.ttl else { return nil }
        let isWatched = expiry.isWatched(at: .now)
        return ExpiryView(
            value: ttl.value,
            isInHours: ttl.unit == .hours,
            text: ttl.text,
            ends: isWatched ? (branch.deletesAt ?? branch.expiresAt).map { end($0) } : nil,
            pause: branch.target.hasFailed
                ? "Not while failed" : isWatched ? nil : "Not while frost cannot query its server",
            isExpired: branch.deletesAt != nil
        )
    }
}
