/// Where a gateway is when nothing else is said.
package enum GatewayPort {
    /// For clients.
    package static let client = 5_432
    /// For operators, on ``adminHost``.
    package static let admin = 9_432
    /// The admin port of a gateway that `frost up` runs, beside one that is a unit of its own.
    package static let childAdmin = 9_433
    /// An IP literal.
    package static let adminHost = "127.0.0.1"
}
