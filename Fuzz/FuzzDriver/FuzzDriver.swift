import Foundation
package import FuzzProperties
import NIOCore

/// libFuzzer's driver (`FuzzerInterface.h`): parses the flags and runs the fuzzing loop.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ testOneInput: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// Starts libFuzzer from a program that has a `main` of its own, as the package manager wants it.
package enum FuzzDriver {
    /// - Parameter testOneInput: calls ``check(_:_:_:)`` with its target; a C function, so it captures nothing.
    package static func run(_ testOneInput: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt) -> Never {
        // libFuzzer leaves handlers alone that are there already, and Swift's backtraces have some: it would not see a trap, and
        // not keep its input.
        for number in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV] { signal(number, SIG_DFL) }
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments, testOneInput))
    }

    /// Traps, which libFuzzer reports as a crash, when the input breaks a rule.
    package static func check(_ target: FuzzTarget, _ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
        do throws(Violation) {
            try target.check(ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count)))
        } catch {
            FileHandle.standardError.write(Data("fuzz: broken: \(error)\n".utf8))
            abort()
        }
        return 0
    }
}
