import BranchManager
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The error of a command; for programs, `{"error": {"code", "message", "hint"}}` on standard error.
struct CommandFault: Encodable {
    /// The API's code, or `usage` for an invalid command line.
    var code: String
    var message: String
    /// The next step.
    @OrNull var hint: String?
    let exitCode: Int32

    private enum CodingKeys: String, CodingKey { case code, message, hint }

    private struct Document: Encodable {
        var error: CommandFault
    }

    /// Exit codes are those of `sysexits.h`, if one fits.
    ///
    /// - Parameter options: that commands in the hint repeat.
    init(_ error: BranchError, _ options: FrostOptions) {
        message = error.description
        let usual: String?
        (code, exitCode, usual) =
            switch error {
            case .invalid: ("invalid", 64, "See frost COMMAND --help.")
            case .notFound: ("not_found", 66, "See \(options.command("branch list")).")
            case .exists: ("exists", 73, "Choose another name.")
            case .store: ("store", 74, nil)
            case .busy: ("busy", 75, "Try again when the other operation has ended.")
            case .notAllowed: ("not_allowed", 77, nil)
            case .cancelled: ("cancelled", Self.interrupted, nil)
            case .runtime: ("runtime", 1, nil)
            }
        hint = error.next.map { "Run: \($0)" } ?? usual
    }

    /// The code a shell reports after Ctrl-C.
    private static let interrupted: Int32 = 130

    /// An invalid command line.
    init(usage message: String, hint: String?) {
        (code, exitCode) = ("usage", 64)
        self.message = message
        self.hint = hint
    }

    func printJSON() {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(Document(error: self)) else { return }
        Output.write("\(String(decoding: data, as: UTF8.self))\n", to: STDERR_FILENO)
    }
}
