import GatewayContract

extension GatewayProbe {
    /// The gateway's metrics; nil when nothing answers in time, or something else.
    func sample() async -> GatewaySample? {
        guard place.isKnown else { return nil }
        let sample = await withinTimeout { () -> GatewaySample? in
            guard let (status, body) = try? await get(.metrics), status == 200 else { return nil }
            return GatewaySample(PrometheusSamples(Array(body), names: GatewaySample.names))
        }
        return sample ?? nil
    }
}
