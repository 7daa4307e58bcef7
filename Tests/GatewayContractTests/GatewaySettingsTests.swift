import Foundation
import GatewayContract
import TestSupport
import Testing

@Suite struct GatewaySettingsTests {
    @Test("Every setting stands in its own place")
    func places() {
        for (variable, setting) in zip(GatewayVariable.allCases, GatewaySettings.all) {
            #expect(setting.variable == variable)
            #expect(!setting.defaultText.isEmpty)
            #expect(setting.help.hasSuffix("."))
        }
    }
}
