import BranchManager
import Foundation

/// Keeps the ``GatewayHistory``: asks the gateway for its metrics every ten seconds while the settings want a gateway.
///
/// That is one HTTP request to the admin address each time, whether somebody looks at the page or not.
package actor GatewayRecorder {
    /// A gateway that does not answer in that time was not heard.
    private static let timeout = Duration.seconds(2)

    private var kept = GatewayHistory()
    /// nil when nothing was heard.
    private let ask: @Sendable () async -> GatewaySample?

    package init(ask: @escaping @Sendable () async -> GatewaySample?) { self.ask = ask }

    init(_ place: GatewayPlace, store: BranchStore) {
        let probe = GatewayProbe(place: place, timeout: Self.timeout)
        self.init {
            guard (try? store.isGatewayEnabled()) == true else { return nil }
            return await probe.sample()
        }
    }

    package var history: GatewayHistory { kept }

    package func look(at tick: Int) async {
        if let sample = await ask() {
            kept.add(sample, at: tick)
        } else {
            kept.pass(to: tick)
        }
    }

    /// Looks until the task is cancelled.
    func run() async {
        let interval = Double(GatewayHistory.interval)
        var last = 0
        while !Task.isCancelled {
            let now = Date.now.timeIntervalSince1970
            var tick = Int((now / interval).rounded(.down)) + 1
            // Woken a little early.
            if tick == last { tick += 1 }
            let wait = Double(tick) * interval - now
            guard (try? await Task.sleep(for: .seconds(wait))) != nil else { return }
            await look(at: tick)
            last = tick
        }
    }
}
