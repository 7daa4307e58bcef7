import GatewayContract

extension GatewayConfiguration {
    /// How ``maxConnections`` fits into the files that the process may open.
    package enum DescriptorFit: Hashable, Sendable {
        case fits
        /// The default was lowered, to this.
        case lowered(to: Int)
        /// What was asked for does not fit, and stays.
        case tooFew(needed: Int)
    }

    /// Lowers the default of ``maxConnections`` to what the descriptors allow; what was asked for stays.
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
    /// For people; nil when there is nothing to say.
    ///
    /// - Parameters:
    ///   - connections: that are asked for, or are the default.
    ///   - limit: files that the process may have open.
    package func message(connections: Int, limit: Int) -> String? {
        let variable = GatewayVariable.maxConnections.environmentName
        return switch self {
        case .fits: nil
        case .lowered(let lowered):
            "\(limit) open files are allowed, which is enough for \(lowered) sessions; "
                + "raise LimitNOFILE= (ulimit -n) for more"
        case .tooFew(let needed):
            "\(variable) is \(connections), which needs \(needed) open files, but \(limit) are allowed; "
                + "raise LimitNOFILE= (ulimit -n) or lower \(variable)"
        }
    }
}
