import GatewayContract

extension GatewayProbe {
    /// The gateway's metrics; nil when nothing answers in time, or something else.
    func sample() async -> GatewaySample? {
        guard place.isKnown else { return nil }
        // The client's own limit ends with the head of an answer.
        return await withTaskGroup(of: GatewaySample?.self) { group in
            group.addTask {
                guard let (status, body) = try? await get(.metrics), status == 200 else { return nil }
                return GatewaySample(PrometheusText(Array(body), names: GatewaySample.names))
            }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? nil
        }
    }
}
