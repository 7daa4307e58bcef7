import BranchManager
import BranchTestSupport
import TestSupport
import Testing

/// Commands in messages.
@Suite struct CommandHintTests {
    @Test("Options are repeated as a shell reads them back")
    func options() async throws {
        let hint = CommandHint(repeating: [("--data-dir", "/srv/it's frost"), ("--host-ports", "1-2"), ("--x", "")])
        let command = hint.command("branch stop dev")
        #expect(command == #"frost branch stop dev --data-dir '/srv/it'\''s frost' --host-ports 1-2 --x ''"#)
        let words = try await Command.check("sh", ["-c", "printf '%s\\n' \(command)"])
        #expect(words == "frost\nbranch\nstop\ndev\n--data-dir\n/srv/it's frost\n--host-ports\n1-2\n--x\n\n")
        #expect(CommandHint().command("up") == "frost up")
    }

    @Test("A message keeps the command that is the next step, through other messages too")
    func next() {
        let error = BranchError.busy("it is busy; run: " + "\(next: "frost recover --data-dir /x")")
        #expect(error.description == "it is busy; run: frost recover --data-dir /x")
        #expect(error.next == "frost recover --data-dir /x")
        #expect(BranchError.runtime("the data is of 15, and \(error)").next == error.next)
        #expect(BranchError.invalid("no \("command") here").next == nil)
    }

    @Test("Hints of a store's operations repeat what was given")
    func store() async throws {
        let directory = try TemporaryDirectory("hint")
        defer { directory.remove() }
        let hint = CommandHint(repeating: [("--data-dir", directory.path)])
        let missing = #expect(throws: BranchError.self) {
            try BranchStore.open(in: directory.path, making: false, hint: hint)
        }
        #expect(missing?.next == "frost up --data-dir \(directory.path)")
        let store = try BranchStore.open(in: directory.path, hint: hint)
        let none = #expect(throws: BranchError.self) { try store.branch(BranchReference("dev")) }
        #expect(none?.next?.hasSuffix("--project PROJECT --data-dir \(directory.path)") == true)
    }
}
