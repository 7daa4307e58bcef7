extension DockerRuntime {
    /// Limits of a branch's container.
    package struct Limits: Hashable, Sendable {
        /// In bytes; nil for no limit.
        package var memory: Int?
        /// In billionths of a processor; nil for no limit.
        package var nanoCPUs: Int?

        /// Minimum memory of a working PostgreSQL server, in bytes.
        private static let leastMemory = 32 * 1_024 * 1_024
        /// The engine's minimum share of a processor, in billionths.
        private static let leastCPUs = 10_000_000

        package init(memory: Int? = nil, nanoCPUs: Int? = nil) {
            self.memory = memory
            self.nanoCPUs = nanoCPUs
        }

        /// - Throws: ``BranchError/invalid(_:)``.
        func check() throws(BranchError) {
            if let memory, memory < Self.leastMemory {
                throw .invalid("a container needs at least \(Self.leastMemory / 1_024 / 1_024)MiB of memory")
            }
            if let nanoCPUs, nanoCPUs < Self.leastCPUs { throw .invalid("a container needs at least 0.01 processors") }
        }

        /// A size such as `512MiB`, `2GiB` or a number of bytes; `none` for no limit.
        package static func memory(_ text: String) throws(BranchError) -> Int? {
            if text == "none" { return nil }
            let units = ["KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40]
            let digits = text.prefix { $0.isASCII && $0.isNumber }
            let unit = String(text.dropFirst(digits.count))
            if let number = Int(digits), let shift = unit.isEmpty ? 0 : units[unit] {
                let (bytes, overflows) = number.multipliedReportingOverflow(by: 1 << shift)
                if !overflows { return bytes }
            }
            throw .invalid("'\(text)' is not a memory size; use one such as 512MiB or 2GiB, or none")
        }

        /// A number of processors such as `1.5`; `none` for no limit.
        package static func nanoCPUs(_ text: String) throws(BranchError) -> Int? {
            if text == "none" { return nil }
            guard let number = Double(text), number > 0, number <= 1_024 else {
                throw .invalid("'\(text)' is not a number of processors; use one such as 1.5, or none")
            }
            return Int(number * 1e9)
        }
    }
}
