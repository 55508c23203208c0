// swift-tools-version: 6.2
import PackageDescription

/// Every target is Swift 6 with strict concurrency; `make verify` turns warnings into errors.
let shell: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny")]
/// Cores and codecs also have strict memory safety: each `unsafe` is spelled out where it stands.
let core: [SwiftSetting] =
    shell + [
        .strictMemorySafety(), .enableExperimentalFeature("Lifetimes"),
    ]

let wire: [Target.Dependency] = ["KafkaWire", "KafkaRecords", "KafkaProtocol"]
let heap: [Target.Dependency] = [
    .product(name: "HeapModule", package: "swift-collections")
]
let deque: [Target.Dependency] = [
    .product(name: "DequeModule", package: "swift-collections")
]
let cluster: [Target.Dependency] =
    wire + [
        "LogStorage", "KafkaConfig", "MetadataQuorum", "ClusterController", "Replication",
        "Coordinators",
    ]
let server: [Target.Dependency] =
    cluster + [
        "BrokerCore", "PosixFiles",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
    ]
let client: [Target.Dependency] =
    wire + [
        "ClientCore", "KafkaSecurity",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOTLS", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    ]
let tools: [Target.Dependency] = server + ["MartletServer"]

/// A target at `Sources/<folder>/<name>`.
func target(
    _ folder: String, _ name: String, _ dependencies: [Target.Dependency],
    _ settings: [SwiftSetting]
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/\(folder)/\(name)",
        swiftSettings: settings)
}

/// Tests of one target, at `Tests/<name>Tests`, with folders of data that they read by path.
func tests(
    _ name: String, _ dependencies: [Target.Dependency], data: [String] = []
) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests",
        exclude: data,
        swiftSettings: shell + [.enableExperimentalFeature("Lifetimes")])
}

/// A program that shows a use of the client, at `Examples/<folder>`.
func example(_ name: String, _ folder: String) -> Target {
    .executableTarget(
        name: name, dependencies: ["MartletClient"], path: "Examples/\(folder)",
        swiftSettings: shell)
}

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .library(name: "MartletServer", targets: ["MartletServer"]),
        .library(name: "ClientCore", targets: ["ClientCore"]),
        .library(name: "MartletClient", targets: ["MartletClient"]),
        .library(name: "MartletTesting", targets: ["MartletTesting"]),
        // What `scripts/fuzz` links to libFuzzer.
        .library(name: "FuzzTargets", type: .static, targets: ["FuzzTargets"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        .target(
            name: "CCompression", path: "Sources/Wire/CCompression",
            linkerSettings: [
                .linkedLibrary("z"), .linkedLibrary("lz4"), .linkedLibrary("zstd"),
                .linkedLibrary("snappy"),
            ]),
        target("Wire", "KafkaWire", [], core),
        target("Wire", "KafkaRecords", ["KafkaWire", "CCompression"], core),
        target("Wire", "KafkaProtocol", ["KafkaWire"], core),
        target("Storage", "LogStorage", wire, core),
        .target(name: "CFileCalls", path: "Sources/Storage/CFileCalls"),
        target("Storage", "PosixFiles", ["LogStorage", "CFileCalls"], shell),
        target("Security", "KafkaSecurity", [], core),
        target("Cluster", "KafkaConfig", [], core),
        target("Cluster", "ClusterController", wire + ["KafkaConfig"], core),
        target("Cluster", "Replication", wire + ["LogStorage"], core),
        target("Cluster", "MetadataQuorum", wire + ["LogStorage"], core),
        target("Cluster", "Coordinators", wire + heap, core),
        target("Broker", "BrokerCore", cluster + heap + deque, core),
        target("Broker", "MartletServer", server, shell),
        target(
            "Simulation", "ClusterSimulator", cluster + ["BrokerCore", "ClientCore"] + heap, core),
        target("Simulation", "HistoryChecker", [], core),
        target(
            "Simulation", "FuzzTargets", cluster + ["BrokerCore", "ClientCore", "KafkaSecurity"],
            core),
        target("Client", "ClientCore", wire + ["KafkaSecurity"], core),
        target("Client", "MartletClient", client, shell),
        target("Client", "MartletTesting", server + ["MartletServer"], shell),
        .executableTarget(
            name: "protocolgen", path: "Sources/Tools/protocolgen", swiftSettings: shell),
        .executableTarget(
            name: "imagescale",
            dependencies: ["ClusterController", "MetadataQuorum", "KafkaProtocol", "KafkaWire"],
            path: "Sources/Tools/imagescale", swiftSettings: shell),
        .executableTarget(
            name: "simulate", dependencies: ["ClusterSimulator", "KafkaWire"],
            path: "Sources/Tools/simulate",
            swiftSettings: shell),
        .executableTarget(
            name: "martlet",
            dependencies: tools + [
                "ClientCore", "MartletClient", "HistoryChecker", "KafkaSecurity",
            ],
            path: "Sources/Tools/martlet",
            swiftSettings: shell),
        example("exactly-once-copy", "ExactlyOnceCopy"),
        example("client-load", "ClientLoad"),
        example("newcomer", "Newcomer"),
        example("record-pipe", "RecordPipe"),
        tests("KafkaWire", ["KafkaWire"]),
        tests("KafkaRecords", ["KafkaWire", "KafkaRecords"]),
        tests("KafkaProtocol", wire, data: ["Golden"]),
        tests("LogStorage", wire + ["LogStorage", "PosixFiles"]),
        tests("KafkaSecurity", ["KafkaSecurity"]),
        tests("KafkaConfig", ["KafkaConfig"]),
        tests("ClusterController", wire + ["KafkaConfig", "ClusterController"]),
        tests("MetadataQuorum", wire + ["LogStorage", "PosixFiles", "MetadataQuorum"]),
        tests("Replication", wire + ["LogStorage", "Replication"]),
        tests("Coordinators", wire + ["Coordinators"], data: ["Transcripts"]),
        tests("BrokerCore", cluster + ["BrokerCore", "ClientCore"], data: ["Cluster/Golden"]),
        tests("MartletServer", server + ["MartletServer"]),
        tests("ClientCore", wire + ["ClientCore", "KafkaSecurity"]),
        tests(
            "MartletClient",
            client + [
                "MartletTesting", "MartletClient",
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
            ]),
        tests("MartletTesting", ["MartletTesting", "MartletClient"]),
        tests("martlet", tools + ["martlet", "ClientCore", "MartletClient"]),
        tests("ClusterSimulator", ["ClusterSimulator", "KafkaWire"], data: ["Transcripts"]),
        tests("HistoryChecker", ["HistoryChecker"]),
        tests("FuzzTargets", wire + ["MetadataQuorum", "FuzzTargets"], data: ["Corpus"]),
        tests("protocolgen", ["protocolgen"]),
        tests("Layering", []),
    ]
)
