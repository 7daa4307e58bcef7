import GatewayCore
import NIOCore
import PostgresGateway
import Testing

@Suite struct BurstLimiterTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("The first few of a kind in a window are let through, the rest is counted")
    func limit() {
        var limiter = BurstLimiter<String>(limit: 3, length: .seconds(10))
        let admitted = (0..<8).map { _ in limiter.admits("a", at: start) }
        #expect(admitted == [true, true, true] + Array(repeating: false, count: 5))
        let isOtherAdmitted = limiter.admits("b", at: start)
        #expect(isOtherAdmitted, "another kind is counted apart")
        let early = limiter.takeSuppressed(at: start + .seconds(9))
        #expect(early.isEmpty, "the window is not over")
        let suppressed = limiter.takeSuppressed(at: start + .seconds(10))
        #expect(suppressed.map(\.key) == ["a"])
        #expect(suppressed.map(\.count) == [5])
        let again = limiter.takeSuppressed(at: start + .seconds(30))
        #expect(again.isEmpty, "told once")
        let isAdmittedLater = limiter.admits("a", at: start + .seconds(30))
        #expect(isAdmittedLater, "a new window")
    }
}
