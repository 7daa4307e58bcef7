import GatewayCore
import GatewayTestSupport
import NIOCore
import PostgresWire
import Testing

@Suite struct RefusalTests {
    private static let route = Fixtures.route("dev.example", port: 10_001)

    /// One of each; a new reason without a line here fails the next test.
    private static let all: [(Refusal, String)] = [
        (.tlsRequired, "28000"), (.noServerName, "08004"), (.unknownHostname("x.example"), "3D000"),
        (.branchStopped(Fixtures.stopped("qa.example")), "57P03"),
        (.backendUnavailable(Fixtures.route("dev.example", port: 10_001)), "57P03"), (.shuttingDown, "57P03"),
        (.addressConflict(Fixtures.route("dev.example", port: 10_001)), "57P03"), (.routeMapUnconfirmed, "57P03"),
        (.limitReached(.connections, route), "53300"), (.limitReached(.connectionsPerRoute, route), "53300"),
        (.limitReached(.connectionsPerAddress, route), "53300"),
        (.limitReached(.unauthenticatedPerRoute, route), "53300"),
        (.limitReached(.unauthenticatedPerAddress, route), "53300"), (.tooManyFailedLogins(route), "28000"),
        (.authenticationTimeout(route), "57014"), (.malformedStartup, "08P01"), (.nestedRequest, "08P01"),
        (.directTLSWithoutALPN, "08P01"), (.unsupportedProtocol(.init(major: 2, minor: 0)), "0A000"),
    ]

    @Test("Every reason has the SQLSTATE of the table, a message and a hint")
    func table() {
        #expect(Set(Self.all.map(\.0.reason)) == Set(RefusalReason.allCases))
        for (refusal, sqlState) in Self.all {
            #expect(refusal.errorResponse.sqlState.rawValue == sqlState)
            #expect(!refusal.message.isEmpty)
            #expect(refusal.hint.hasSuffix("."))
            if refusal.limit != nil { #expect(refusal.detail?.hasSuffix(".") == true, "whose limit it is") }
        }
    }

    @Test("Messages name the hostname and the branch, never the backend's address or port")
    func noAddresses() {
        for (refusal, _) in Self.all {
            for secret in ["10001", "127.0.0.1", "dbt_1"] {
                #expect(!refusal.message.contains(secret))
                #expect(!refusal.hint.contains(secret))
                #expect(refusal.detail?.contains(secret) != true)
            }
        }
        let unavailable = Refusal.backendUnavailable(Fixtures.route("dev.example", port: 10_001))
        #expect(unavailable.message.contains("dev.example"))
        #expect(unavailable.message.contains("shop/dev"))
        let conflict = Refusal.addressConflict(Fixtures.route("dev.example", port: 10_001))
        #expect(conflict.message.contains("dev.example") && conflict.message.contains("shop/dev"))
    }

    @Test("Names of strangers are escaped and cut")
    func escaping() {
        #expect(DisplayName.escape("a\nb\"c\\ä\u{7f}") == #"a\u{a}b\u{22}c\u{5c}\u{e4}\u{7f}"#)
        let long = DisplayName.escape(String(repeating: "x", count: 5_000))
        #expect(long.count == DisplayName.maximumLength + 3)
        let message = Refusal.unknownHostname(String(repeating: "\u{1}", count: 5_000)).message
        #expect(message.utf8.count < 2_000)
    }
}
