// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let swiftASN1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let collections = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "frost",
    dependencies: [
        // The event loops, channels and byte buffers of the data plane.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // TLS for the data plane: BoringSSL inside a NIO channel.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        // Signals and the order of start and stop.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Commands, flags and `--help`.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Flags before environment before defaults, in one reader. No traits: no file formats are read.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        // The logging interface that all of the above write to.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Processes of the gate's clients and of the tests' servers.
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        // File paths and descriptors, in which swift-subprocess speaks.
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        // HTTP over a Unix socket, for the Docker Engine.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        // SHA-256, for the suffixes of hostnames and for what PostgreSQL keeps of passwords.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // Certificates of the own CA, and what is read from those of others.
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        // DER and PEM, in which swift-certificates speaks.
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        // Heaps and deques, for the queues of admission.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // SQLite, in which branches are kept: migrations, transactions, a pool of readers.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // The HTTP server of the API and the page: routing, middleware, bodies.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        // Templates of the page: they escape what they are given.
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        // Methods, statuses and header fields, in which hummingbird speaks.
        .package(url: "https://github.com/apple/swift-http-types", from: "1.0.0"),
    ],
    targets: [
        // MARK: Phase 0
        .target(name: "PostgresWire", dependencies: [nioCore], swiftSettings: settings),
        .target(name: "TLSWire", dependencies: [nioCore], swiftSettings: settings),
        .executableTarget(
            name: "spike",
            dependencies: [nioCore, nioPosix, nioSSL, nioTLS, argumentParser],
            path: "Spike",
            swiftSettings: settings
        ),

        // The system's libpq (libpq-dev), for the gate's own client.
        .systemLibrary(name: "CLibpq"),
        .executableTarget(
            name: "compat",
            dependencies: ["CLibpq", "TestSupport", argumentParser, subprocess, systemPackage, unixSignals],
            path: "Compat",
            exclude: ["Clients", "Suites", "RESULTS.md"],
            swiftSettings: settings
        ),
        // Servers, certificates and programs for tests and for the gate.
        .target(
            name: "TestSupport",
            dependencies: ["COpenSSL", "PostgresWire", nioCore, nioPosix, subprocess, systemPackage],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),

        // What stands in for servers and routes in tests of branches.
        .target(
            name: "BranchTestSupport",
            dependencies: ["BranchManager"],
            path: "Tests/BranchTestSupport",
            swiftSettings: settings
        ),

        // What stands in for routes and clients in tests of the gateway.
        .target(
            name: "GatewayTestSupport",
            dependencies: ["RouteMap", nioCore],
            path: "Tests/GatewayTestSupport",
            swiftSettings: settings
        ),

        // What holds for any input of a fuzzer; the inputs that are kept are part of the ordinary tests.
        .target(
            name: "FuzzProperties",
            dependencies: ["GatewayCore", "GatewayHardening", "PostgresWire", "RouteMap", "TLSWire", nioCore],
            path: "Fuzz/FuzzProperties",
            swiftSettings: settings
        ),

        // MARK: Phase 1
        // What the gateway and frost both name. No dependencies, so that neither drags in the other.
        .target(name: "GatewayContract", swiftSettings: settings),
        // Pure: the compiler keeps sockets, TLS and logging out, since they are no dependencies.
        .target(
            name: "GatewayCore",
            dependencies: ["GatewayContract", "PostgresWire", "RouteMap", "TLSWire", nioCore],
            swiftSettings: settings
        ),
        // What a service of Type=notify tells systemd; no dependencies.
        .target(name: "ServiceNotify", swiftSettings: settings),
        // What glibc has and Swift's Glibc module does not show.
        .target(name: "CGateway"),
        .target(
            name: "PostgresGateway",
            dependencies: [
                "CGateway", "GatewayContract", "GatewayCore", "GatewayHardening", "PostgresWire", "RouteMap", "TLSWire",
                nioCore,
                nioPosix, nioHTTP1, nioSSL, nioTLS, logging, configuration,
            ],
            swiftSettings: settings
        ),
        // The version and the hashes of the sources, which scripts/build-release.sh gives.
        .target(
            name: "CVersion",
            cSettings: [
                .define("FROST_VERSION", to: "\"\(Context.environment["FROST_VERSION"] ?? "0.0.0-dev")\""),
                .define("FROST_SOURCES", to: "\"\(Context.environment["FROST_SOURCES"] ?? "unknown")\""),
                .define(
                    "FROST_GATEWAY_SOURCES",
                    to: "\"\(Context.environment["FROST_GATEWAY_SOURCES"] ?? "unknown")\""
                ),
            ]
        ),
        .executableTarget(
            name: "postgres-gateway",
            dependencies: [
                "CVersion", "GatewayContract", "GatewayHardening", "PostgresGateway", "RouteMap",
                "ServiceNotify", logging, configuration, argumentParser, nioCore,
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                unixSignals,
            ],
            swiftSettings: settings
        ),

        // MARK: Phase 4
        // Pure, like GatewayCore: who may come in, for how long, and what is counted.
        .target(
            name: "GatewayHardening",
            dependencies: ["GatewayContract", "GatewayCore", "RouteMap", collections, nioCore],
            swiftSettings: settings
        ),

        // MARK: Phase 2
        .target(name: "RouteMap", dependencies: [crypto], swiftSettings: settings),
        // What the C library does for a whole process, for one thread: files are reached as the account they belong to.
        .target(name: "CAccount"),
        // What Swift cannot call of the kernel's and the library's: descriptors of processes, and of programs to start.
        .target(name: "CProcess"),
        .target(
            name: "BranchManager",
            dependencies: [
                "CAccount", "CProcess", "RouteMap", asyncHTTPClient, crypto, grdb, logging, nioCore, nioHTTP1, nioPosix,
                subprocess, systemPackage,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "RouteSync",
            dependencies: ["BranchManager", "RouteMap", grdb, logging],
            swiftSettings: settings
        ),
        // The own CA: what it issues and when, as values; no files and no clocks.
        .target(name: "FrostCertificates", dependencies: [crypto, swiftASN1, x509], swiftSettings: settings),
        // Its files: the CA, and a pair for each name in the directory that the gateway reads.
        .target(
            name: "CertificateKeeper",
            dependencies: ["BranchManager", "FrostCertificates", "RouteMap"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "frost",
            dependencies: [
                "CProcess", "CVersion", "BranchManager", "CertificateKeeper", "FrostCertificates", "FrostServer",
                "GatewayContract", "RouteMap", "RouteSync", "ServiceNotify",
                argumentParser, logging, nioCore, subprocess, systemPackage, unixSignals, x509,
            ],
            swiftSettings: settings
        ),

        // MARK: Phase 3
        .target(
            name: "FrostPages",
            dependencies: ["RouteMap", mustache],
            // In the program itself: a static binary needs no files.
            resources: [.embedInCode("Resources")],
            swiftSettings: settings
        ),
        .target(
            name: "FrostServer",
            dependencies: [
                "BranchManager", "FrostPages", "GatewayContract", "RouteMap", "RouteSync", asyncHTTPClient, crypto,
                httpTypes, hummingbird,
                hummingbirdCore, logging, nioCore, nioHTTP1, nioPosix,
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),

        // MARK: Tests
        .testTarget(
            name: "GatewayContractTests",
            dependencies: ["GatewayContract", "TestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ServiceNotifyTests",
            dependencies: ["ServiceNotify", "TestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresWireTests",
            dependencies: ["PostgresWire", "TestSupport", nioCore],
            swiftSettings: settings
        ),
        .testTarget(name: "RouteMapTests", dependencies: ["RouteMap", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "TLSWireTests",
            dependencies: ["TLSWire", "GatewayTestSupport", "TestSupport", nioCore],
            swiftSettings: settings
        ),
        .testTarget(
            name: "GatewayCoreTests",
            dependencies: [
                "GatewayCore", "GatewayTestSupport", "PostgresWire", "RouteMap", "TestSupport", "TLSWire", nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "GatewayHardeningTests",
            dependencies: [
                "GatewayContract", "GatewayCore", "GatewayHardening", "GatewayTestSupport", "RouteMap", "TestSupport",
                nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FuzzCorpusTests",
            dependencies: ["FuzzProperties", "TestSupport", nioCore],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresGatewayTests",
            dependencies: [
                "GatewayContract", "GatewayCore", "GatewayHardening", "GatewayTestSupport", "PostgresGateway",
                "PostgresWire", "RouteMap", "TestSupport", "COpenSSL",
                nioCore, nioPosix, nioSSL, logging, configuration,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "BranchManagerTests",
            dependencies: ["BranchManager", "BranchTestSupport", "RouteMap", "TestSupport", nioCore, grdb],
            exclude: ["Image"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RouteSyncTests",
            dependencies: [
                "BranchManager", "BranchTestSupport", "PostgresGateway", "RouteMap", "RouteSync", "TestSupport", grdb,
                logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FrostCertificatesTests",
            dependencies: ["FrostCertificates", "RouteMap", "TestSupport", crypto, swiftASN1, x509],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CertificateKeeperTests",
            dependencies: ["BranchManager", "CertificateKeeper", "FrostCertificates", "RouteMap", "TestSupport", x509],
            swiftSettings: settings
        ),
        .testTarget(name: "FrostPagesTests", dependencies: ["FrostPages"], swiftSettings: settings),
        .testTarget(
            name: "FrostServerTests",
            dependencies: [
                "BranchManager", "BranchTestSupport", "FrostPages", "FrostServer", "GatewayContract", "GatewayCore",
                "RouteMap", "RouteSync", "TestSupport", asyncHTTPClient, grdb, logging, nioCore, nioHTTP1,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "FrostCertificates", "PostgresWire", "TestSupport", asyncHTTPClient, nioCore, nioHTTP1, nioPosix,
                nioSSL,
                subprocess,
            ],
            swiftSettings: settings
        ),
        // The system's OpenSSL (libssl-dev): a second TLS implementation beside the gateway's own.
        .systemLibrary(name: "COpenSSL"),
    ],
    swiftLanguageModes: [.v6]
)

// The fuzzers' own programs, and instrumentation of what they fuzz: no part of an ordinary build, but of `make fuzz`. What they
// check is in FuzzProperties, and `FuzzCorpusTests` checks it of the inputs that are kept.
// The value is the path of libFuzzer without its main (libclang_rt.fuzzer_no_main), which the toolchain has.
if let libFuzzer = Context.environment["FUZZ"] {
    // Edges for libFuzzer, and regions for llvm-cov.
    let instrumented =
        settings + [
            .unsafeFlags(["-sanitize=fuzzer", "-parse-as-library", "-profile-generate", "-profile-coverage-mapping"])
        ]
    let fuzzed = ["FuzzProperties", "GatewayCore", "GatewayHardening", "PostgresWire", "RouteMap", "TLSWire"]
    for target in package.targets where fuzzed.contains(target.name) {
        target.swiftSettings = instrumented
    }
    package.targets.append(
        .target(
            name: "FuzzDriver",
            dependencies: ["FuzzProperties"],
            path: "Fuzz/FuzzDriver",
            swiftSettings: instrumented
        )
    )
    for name in ["fuzz-admission", "fuzz-hello", "fuzz-machine", "fuzz-routes", "fuzz-startup"] {
        package.targets.append(
            .executableTarget(
                name: name,
                dependencies: ["FuzzDriver", "FuzzProperties"],
                path: "Fuzz/\(name)",
                swiftSettings: instrumented,
                linkerSettings: [
                    .unsafeFlags(["-profile-generate", "-Xlinker", libFuzzer]), .linkedLibrary("stdc++"),
                ]
            )
        )
    }
}

// The gateway and its suites alone, for builds that would take long with all of frost: `make test-tsan`, scripts/mutants.sh.
if Context.environment["FROST_TARGETS"] == "gateway" {
    let kept = [
        "CGateway", "COpenSSL", "FuzzCorpusTests", "FuzzProperties", "GatewayContract", "GatewayContractTests",
        "GatewayCore", "GatewayCoreTests",
        "GatewayHardening", "GatewayHardeningTests", "GatewayTestSupport", "PostgresGateway", "PostgresGatewayTests",
        "PostgresWire", "PostgresWireTests", "RouteMap", "ServiceNotify", "ServiceNotifyTests", "TestSupport",
        "TLSWire",
        "TLSWireTests",
    ]
    package.targets.removeAll { !kept.contains($0.name) }
}
