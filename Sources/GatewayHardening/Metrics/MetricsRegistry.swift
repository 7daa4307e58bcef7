package import GatewayContract
package import GatewayCore

/// What the gateway counts since its start. Closed sets but for the ids of branches.
package final class MetricsRegistry: Sendable {
    package let outcomes = LabelledCounter<ConnectionOutcome>()
    package let dialFailures = LabelledCounter<DialFailure>()
    package let limitRejections = LabelledCounter<Limit>()
    package let evictions = LabelledCounter<Limit>()
    /// By the branch's id.
    package let authenticationFailures = LabelledCounter<String>()
    package let routeReloads = LabelledCounter<ReloadOutcome>()
    package let certificateReloads = LabelledCounter<ReloadOutcome>()

    package init() {}
}
