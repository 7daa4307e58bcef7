import PostgresGateway
import Testing

@Suite struct DescriptorFitTests {
    private var configuration: GatewayConfiguration {
        GatewayConfiguration(routeFile: "/r", certificates: .pair(certFile: "/c", keyFile: "/k"))
    }

    @Test("The default is lowered to what fits, and no further")
    func lowered() {
        for limit in [0, 100, 1_024, 20_000, FileDescriptorLimit.needed(forConnections: 10_000) - 1] {
            var configuration = configuration
            let fit = configuration.fitMaxConnections(toDescriptors: limit)
            #expect(fit == .lowered(to: configuration.maxConnections))
            #expect(configuration.maxConnections >= 1)
            #expect(FileDescriptorLimit.needed(forConnections: configuration.maxConnections + 1) > limit)
            if configuration.maxConnections > 1 {
                #expect(FileDescriptorLimit.needed(forConnections: configuration.maxConnections) <= limit)
            }
            #expect(fit.message(connections: 10_000, limit: limit)?.contains("LimitNOFILE") == true)
        }
    }

    @Test("Enough is enough, and what was asked for stays")
    func kept() {
        var enough = configuration
        #expect(enough.fitMaxConnections(toDescriptors: FileDescriptorLimit.needed(forConnections: 10_000)) == .fits)
        #expect(enough.maxConnections == 10_000)
        var given = configuration
        given.isMaxConnectionsGiven = true
        let fit = given.fitMaxConnections(toDescriptors: 1_024)
        #expect(fit == .tooFew(needed: FileDescriptorLimit.needed(forConnections: 10_000)))
        #expect(given.maxConnections == 10_000)
        #expect(fit.message(connections: 10_000, limit: 1_024)?.contains("MAX_CONNECTIONS is 10000") == true)
    }
}
