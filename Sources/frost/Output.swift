import BranchManager
import Foundation

/// What commands print: tables for people, JSON for programs.
enum Output {
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func table(_ header: [String], _ rows: [[String]]) {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        for row in [header] + rows {
            let cells = zip(row, widths).map { $0.padding(toLength: max($1, $0.count), withPad: " ", startingAt: 0) }
            print(cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
        }
    }
}

/// A branch as commands show it; without its password.
struct ShownBranch: Encodable {
    var id: String
    var project: String
    var database: String
    var name: String
    var status: String
    var reason: String?
    var hostname: String?
    var hostPort: Int
    var createdAt: Date

    init(_ branch: BranchDetails) {
        id = branch.target.id
        project = branch.project.name
        database = branch.database.name
        name = branch.target.name
        status = branch.target.lifecycleStatus.rawValue
        reason = branch.target.reason
        hostname = branch.target.hostname
        hostPort = branch.target.hostPort
        createdAt = branch.target.createdAt
    }

    var row: [String] {
        [project, database, name, reason.map { "\(status) (\($0))" } ?? status, hostname ?? "-", String(hostPort)]
    }

    static let header = ["PROJECT", "DATABASE", "BRANCH", "STATUS", "HOSTNAME", "HOST PORT"]

    static func show(_ branches: [BranchDetails], json: Bool) throws {
        let shown = branches.map(ShownBranch.init)
        if json { try Output.json(shown) } else { Output.table(header, shown.map(\.row)) }
    }

    static func show(_ branch: BranchDetails, _ did: String, json: Bool) throws {
        if json { try Output.json(ShownBranch(branch)) } else { print("\(branch.displayName) \(did)") }
    }
}
