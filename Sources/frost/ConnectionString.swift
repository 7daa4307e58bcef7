import BranchManager
import Foundation
import RouteMap

/// What people paste to reach a branch.
enum ConnectionString {
    /// - Returns: nil while the branch has no hostname.
    static func url(_ branch: BranchDetails, port: Int) -> String? {
        guard let hostname = branch.target.hostname else { return nil }
        let user = escape(branch.database.username)
        let password = escape(branch.database.password)
        let database = escape(branch.database.databaseName)
        // Not every resolver knows that names under .localhost are this host (RFC 6761).
        let address = hostname.hasSuffix(".localhost") ? "&hostaddr=127.0.0.1" : ""
        return "postgresql://\(user):\(password)@\(hostname):\(port)/\(database)?sslmode=require\(address)"
    }

    private static func escape(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~")))
            ?? text
    }
}
