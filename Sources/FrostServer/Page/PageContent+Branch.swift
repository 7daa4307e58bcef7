import BranchManager
import Foundation
import FrostPages
import GatewayContract

/// Parts of a branch's page about its server.
extension PageContent {
    /// The number of log lines shown.
    private static let logLines = 50

    /// - Parameters:
    ///   - showing: whether the user requested the log.
    ///   - place: the page's address without the log parameter; it has a query.
    func log(of branch: BranchDetails, showing: Bool, at place: String) async -> ServerLogView {
        guard showing else { return ServerLogView(href: "\(place)&log=1", home: nil, text: nil, fault: nil) }
        let home: String? =
            switch try? state.manager.logHome(of: branch) {
            case .file(let path): "The last \(Self.logLines) lines of \(path) on this host."
            case .container(let name): "The last \(Self.logLines) lines of: docker logs \(name)"
            case nil: nil
            }
        do {
            let lines = try await state.manager.log(of: branch).split(separator: "\n", omittingEmptySubsequences: false)
            // A final line break does not start another line.
            let text = (lines.last == "" ? lines.dropLast() : lines[...]).suffix(Self.logLines).joined(separator: "\n")
            return ServerLogView(href: place, home: home, text: text, fault: nil)
        } catch {
            return ServerLogView(href: place, home: home, text: nil, fault: "Could not read the log: \(error)")
        }
    }

    /// Sessions through the gateway, oldest first.
    static func sessions(_ gateway: GatewayCondition, of id: String) -> [SessionRow] {
        (gateway.answer?.clients[id] ?? []).prefix(GatewayAnswer.most).map { session in
            SessionRow(
                client: session.client,
                backendProcess: session.backendProcess.map(String.init),
                age: age(session.ageSeconds)
            )
        }
    }

    private static func age(_ seconds: Int) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3_600: "\(seconds / 60) min"
        case ..<86_400: "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
        default: "\(seconds / 86_400) d \(seconds % 86_400 / 3_600) h"
        }
    }
}
