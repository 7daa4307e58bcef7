import Foundation
import GatewayCore
import NIOCore
import PostgresGateway
import RouteMap
import Testing

/// How long a confirmation holds, whatever is done to the wall clock.
@Suite struct ConfirmationPeriodTests {
    private let time = ManualClock()

    private func period(confirmed ago: Double, for seconds: Int = 300) -> ConfirmationPeriod {
        ConfirmationPeriod(
            RouteMapConfirmation(confirmedAt: time.wall - ago, validForSeconds: seconds),
            readAt: time.clock.now
        )
    }

    private func isOver(_ period: ConfirmationPeriod) -> Bool { period.isOver(at: time.clock.now) }

    @Test("It counts from when the writer confirmed, not from when it was read")
    func age() {
        let period = period(confirmed: 100)
        time.advance(by: 199)
        #expect(!isOver(period))
        time.advance(by: 1)
        #expect(isOver(period))
    }

    @Test("One that was over when it was read is over", arguments: [300.0, 301, 1e9])
    func old(ago: Double) {
        #expect(isOver(period(confirmed: ago)))
    }

    @Test("One from the future counts from when it was read", arguments: [-1.0, -3_600, -1e9])
    func future(ago: Double) {
        let period = period(confirmed: ago)
        time.advance(by: 299)
        #expect(!isOver(period))
        time.advance(by: 1)
        #expect(isOver(period))
    }

    @Test("A wall clock that is set back gives no more time")
    func setBack() {
        let period = period(confirmed: 0)
        time.step(by: -86_400)
        time.advance(by: 299)
        #expect(!isOver(period))
        time.advance(by: 1)
        #expect(isOver(period))
    }

    @Test("A wall clock that is set forward ends it early: the next confirmation speaks in the new time")
    func setForward() {
        let before = period(confirmed: 0)
        time.step(by: 86_400)
        #expect(isOver(before))
        #expect(!isOver(period(confirmed: 0)))
    }

    @Test("The span is as long as the map says", arguments: [1, 300, 86_400])
    func span(seconds: Int) {
        let period = period(confirmed: 0, for: seconds)
        time.advance(by: Int64(seconds) - 1)
        #expect(!isOver(period))
        time.advance(by: 1)
        #expect(isOver(period))
    }
}
