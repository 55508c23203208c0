/// What each target may import (docs/ARCHITECTURE.md has the same table in words).
struct TargetRule {
    /// A core is a state machine: no Foundation, NIO, Dispatch or Glibc, no `async`, clock or lock.
    let isCore: Bool
    let mayImport: Set<String>

    static func core(_ modules: Set<String>) -> TargetRule {
        TargetRule(isCore: true, mayImport: modules)
    }

    /// Shells touch the world; Foundation, Dispatch and the C library are theirs to use.
    static func shell(_ modules: Set<String>) -> TargetRule {
        let system: Set<String> = [
            "Foundation", "Dispatch", "Glibc", "Musl", "Darwin", "Synchronization",
        ]
        return TargetRule(isCore: false, mayImport: modules.union(system))
    }

    private static let wire: Set<String> = ["KafkaWire", "KafkaRecords", "KafkaProtocol"]
    private static let cluster = wire.union([
        "LogStorage", "KafkaConfig", "MetadataQuorum", "ClusterController", "Replication",
        "Coordinators",
    ])
    private static let server = cluster.union([
        "BrokerCore", "PosixFiles", "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "Logging",
    ])

    static let all: [String: TargetRule] = [
        "KafkaWire": core([]),
        "KafkaRecords": core(["KafkaWire", "CCompression"]),
        "KafkaProtocol": core(["KafkaWire"]),
        "LogStorage": core(wire),
        "PosixFiles": shell(["LogStorage", "CFileCalls"]),
        "KafkaSecurity": core([]),
        "KafkaConfig": core([]),
        "ClusterController": core(wire.union(["KafkaConfig"])),
        "Replication": core(wire.union(["LogStorage"])),
        "MetadataQuorum": core(wire.union(["LogStorage"])),
        "Coordinators": core(wire.union(["HeapModule"])),
        "BrokerCore": core(cluster.union(["HeapModule", "DequeModule"])),
        "MartletServer": shell(server),
        "ClusterSimulator": core(cluster.union(["BrokerCore", "ClientCore", "HeapModule"])),
        "HistoryChecker": core([]),
        "FuzzTargets": core(cluster.union(["BrokerCore", "ClientCore", "KafkaSecurity"])),
        "ClientCore": core(wire.union(["KafkaSecurity"])),
        "MartletClient": shell(
            wire.union([
                "ClientCore", "KafkaSecurity", "NIOCore", "NIOPosix", "NIOTLS", "NIOSSL", "Logging",
                "CoreMetrics", "Tracing", "ServiceLifecycle",
            ])),
        "MartletTesting": shell(
            ["BrokerCore", "MartletServer", "KafkaWire", "Logging", "Testing"]),
        "protocolgen": shell([]),
        "imagescale": shell(
            ["ClusterController", "MetadataQuorum", "KafkaProtocol", "KafkaWire"]),
        "simulate": shell(["ClusterSimulator", "KafkaWire"]),
        "martlet": shell(
            server.union([
                "MartletServer", "ClientCore", "MartletClient", "HistoryChecker",
                "KafkaSecurity",
            ])),
    ]
}
