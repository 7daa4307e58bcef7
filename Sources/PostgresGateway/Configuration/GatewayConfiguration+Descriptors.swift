import GatewayContract

extension GatewayConfiguration {
    /// How ``maxConnections`` fits into the files that the process may open.
    package enum DescriptorFit: Hashable, Sendable {
        case fits
        /// The default was lowered, to this.
        case lowered(to: Int)
        /// The requested value does not fit, and is kept.
        case tooFew(needed: Int)
    }

    /// Lowers the default of ``maxConnections`` to what the descriptors allow; keeps a requested value.
    ///
    /// - Parameter limit: files that the process may have open.
    package mutating func fitMaxConnections(toDescriptors limit: Int) -> DescriptorFit {
        let needed = FileDescriptorLimit.needed(forConnections: maxConnections)
        guard needed > limit else { return .fits }
        if isMaxConnectionsGiven { return .tooFew(needed: needed) }
        let fixed = FileDescriptorLimit.needed(forConnections: 0)
        let perConnection = max(1, FileDescriptorLimit.needed(forConnections: 1) - fixed)
        maxConnections = max(GatewaySettings.maxConnections.range.lowerBound, (limit - fixed) / perConnection)
        return .lowered(to: maxConnections)
    }
}

extension GatewayConfiguration.DescriptorFit {
    /// A message for the operator; nil if none is needed.
    ///
    /// - Parameters:
    ///   - connections: that are asked for, or are the default.
    ///   - limit: files that the process may have open.
    package func message(connections: Int, limit: Int) -> String? {
        let variable = GatewayVariable.maxConnections.environmentName
        return switch self {
        case .fits: nil
        case .lowered(let lowered):
            "the limit of \(limit) open files allows \(lowered) sessions; "
                + "raise LimitNOFILE= (ulimit -n) for more"
        case .tooFew(let needed):
            "\(variable) is \(connections), which needs \(needed) open files, but the limit is \(limit); "
                + "raise LimitNOFILE= (ulimit -n) or lower \(variable)"
        }
    }
}
