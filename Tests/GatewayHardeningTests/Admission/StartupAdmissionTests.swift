import GatewayCore
import GatewayHardening
import NIOCore
import TestSupport
import Testing

@Suite struct StartupAdmissionTests {
    private func id(_ number: Int) -> ConnectionID { ConnectionID(number: UInt64(number)) }
    private func address(_ number: Int) throws -> AddressKey {
        AddressKey(try SocketAddress(ipAddress: "192.0.2.\(number)", port: 1))
    }

    private func at(_ seconds: Double) -> NIODeadline { .uptimeNanoseconds(UInt64((1_000 + seconds) * 1e9)) }

    private func admission(startups: Int = 4, perAddress: Int = 4, handshakes: Int = 2) -> StartupAdmission {
        StartupAdmission(limits: .test(startups: startups, perAddress: perAddress, handshakes: handshakes))
    }

    @Test("The newest is let in; the oldest of the address that has most goes")
    func evicts() throws {
        var admission = admission()
        let (one, two) = (try address(1), try address(2))
        for number in 1...3 { #expect(admission.move(id(number), of: one, to: .client(.preface), at: at(0)).isEmpty) }
        #expect(admission.move(id(4), of: two, to: .client(.preface), at: at(0)).isEmpty)
        let evicted = admission.move(id(5), of: two, to: .client(.preface), at: at(2))
        #expect(evicted == [.init(id: id(1), limit: .startups)])
        #expect(admission.count == 4)
    }

    @Test("First those without a ClientHello, then lingers, then those in TLS; never whose turn is the gateway's")
    func order() throws {
        var admission = admission(startups: 4, perAddress: 100)
        let one = try address(1)
        let turns: [StartupTurn] = [.gateway, .client(.tls), .client(.linger), .client(.preface)]
        for (number, turn) in turns.enumerated() {
            #expect(admission.move(id(number), of: one, to: turn, at: at(0)).isEmpty)
        }
        var gone: [ConnectionID] = []
        // Newcomers whose turn is the gateway's are never in question themselves.
        for number in 10..<13 { gone += admission.move(id(number), of: one, to: .gateway, at: at(2)).map(\.id) }
        #expect(gone == [id(3), id(2), id(1)])
        // Nobody is left whom the gateway does not owe something: the newest has to go itself.
        let newest = admission.move(id(13), of: one, to: .client(.preface), at: at(2))
        #expect(newest == [.init(id: id(13), limit: .startups)])
        #expect(admission.count == 4)
    }

    @Test("Whoever has just come is spared while others have had their time, behind a ClientHello or not")
    func courtesy() throws {
        var admission = admission(startups: 3, perAddress: 3)
        let (one, two) = (try address(1), try address(2))
        for number in 1...2 { _ = admission.move(id(number), of: one, to: .client(.tls), at: at(0)) }
        _ = admission.move(id(3), of: two, to: .client(.preface), at: at(5))
        #expect(admission.move(id(4), of: two, to: .client(.preface), at: at(5.5)).map(\.id) == [id(1)])
        #expect(admission.move(id(5), of: two, to: .client(.preface), at: at(5.9)).map(\.id) == [id(2)])
        // Now all have just come: the oldest of who has most.
        #expect(admission.move(id(6), of: one, to: .client(.preface), at: at(5.9)).map(\.id) == [id(3)])
    }

    @Test("An address has a bound of its own")
    func perAddress() throws {
        var admission = admission(startups: 100, perAddress: 2)
        let (one, two) = (try address(1), try address(2))
        for number in 1...2 { #expect(admission.move(id(number), of: one, to: .client(.preface), at: at(0)).isEmpty) }
        #expect(admission.move(id(3), of: two, to: .client(.preface), at: at(0)).isEmpty)
        #expect(
            admission.move(id(4), of: one, to: .client(.preface), at: at(0)) == [
                .init(id: id(1), limit: .startupsPerAddress)
            ]
        )
    }

    @Test("Lingers have a quarter of the places")
    func lingers() throws {
        var admission = admission(startups: 8, perAddress: 8)
        let one = try address(1)
        for number in 1...2 { #expect(admission.move(id(number), of: one, to: .client(.linger), at: at(0)).isEmpty) }
        #expect(admission.move(id(3), of: one, to: .client(.linger), at: at(0)) == [.init(id: id(1), limit: .startups)])
        #expect(admission.count(in: .linger) == 2)
    }

    @Test("Of handshakes that wait, the oldest goes when there are too many")
    func handshakes() throws {
        var admission = admission(startups: 100, perAddress: 100, handshakes: 2)
        let one = try address(1)
        for number in 1...3 { _ = admission.move(id(number), of: one, to: .gateway, at: at(0)) }
        #expect(admission.waitForHandshake(id(1)) == nil)
        #expect(admission.waitForHandshake(id(2)) == nil)
        #expect(admission.waitForHandshake(id(3)) == .init(id: id(1), limit: .handshakes))
        #expect(admission.handshakesWaiting == 2)
        admission.beginHandshake(id(2))
        #expect(admission.handshakesWaiting == 1)
        #expect(admission.waitForHandshake(id(9)) == nil, "one that is gone does not wait")
    }

    @Test("Places are given back once, whatever the order of calls", arguments: 0..<20)
    func anyOrder(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var admission = admission(startups: 12, perAddress: 5, handshakes: 3)
        let addresses = try (1...4).map { try address($0) }
        let turns: [StartupTurn?] = [.gateway, .client(.preface), .client(.linger), .client(.tls), nil]
        var open: [Int: AddressKey] = [:]
        for step in 0..<3_000 {
            let number = Int.random(in: 0..<40, using: &generator)
            let address = open[number] ?? addresses[Int.random(in: 0..<4, using: &generator)]
            open[number] = address
            var evicted: [ConnectionID] = []
            if step % 5 == 0 {
                evicted = admission.waitForHandshake(id(number)).map { [$0.id] } ?? []
            } else {
                let turn = turns[Int.random(in: 0..<5, using: &generator)]
                evicted = admission.move(id(number), of: address, to: turn, at: at(Double(step) / 10)).map(\.id)
            }
            for gone in evicted {
                #expect(admission.move(gone, of: address, to: nil, at: at(0)).isEmpty, "it holds nothing any more")
            }
            #expect(admission.count(in: .linger) <= 3)
            #expect(admission.handshakesWaiting <= 3)
        }
        for (number, address) in open { #expect(admission.move(id(number), of: address, to: nil, at: at(0)).isEmpty) }
        #expect(admission.isEmpty)
    }
}

extension AdmissionLimits {
    static func test(
        startups: Int = 100,
        perAddress: Int = 100,
        handshakes: Int = 100,
        connections: Int = 100,
        unauthenticatedPerRoute: Int = 100,
        unauthenticatedPerAddress: Int = 100,
        failures: Int = 0
    ) -> AdmissionLimits {
        AdmissionLimits(
            maxStartups: startups,
            maxStartupsPerAddress: perAddress,
            maxHandshakes: handshakes,
            maxConnections: connections,
            maxUnauthenticatedPerRoute: unauthenticatedPerRoute,
            maxUnauthenticatedPerAddress: unauthenticatedPerAddress,
            maxAuthenticationFailures: failures
        )
    }
}
