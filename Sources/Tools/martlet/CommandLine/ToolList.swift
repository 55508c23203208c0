/// All tools, in the order of the help.
enum ToolList {
    static let all: [any Tool.Type] = [
        ServerTool.self, StorageTool.self, TopicsTool.self, ConfigsTool.self,
        ConsoleProducerTool.self, ConsoleConsumerTool.self, ConsumerGroupsTool.self,
        GroupsTool.self, TransactionsTool.self, ReassignPartitionsTool.self,
        RebalanceTool.self,
        ClientMetricsTool.self, LeaderElectionTool.self,
        GetOffsetsTool.self, DeleteRecordsTool.self,
        LogDirsTool.self, ReplicaVerificationTool.self,
        DumpLogTool.self, ClusterTool.self, MetadataQuorumTool.self,
        MetadataShellTool.self, FeaturesTool.self,
        BrokerAPIVersionsTool.self,
        ProducerPerformanceTool.self, ConsumerPerformanceTool.self, CheckHistoryTool.self,
    ]

    /// Names under which the binary is one tool: `kafka-topics` and `kafka-topics.sh`, ...
    static var linkNames: [String] {
        all.flatMap { tool in tool.kafkaNames.flatMap { [$0, $0 + ".sh"] } }
    }

    /// The tool with this subcommand or Kafka name, `.sh` or not.
    static func named(_ name: String) -> (any Tool.Type)? {
        let plain = name.hasSuffix(".sh") ? String(name.dropLast(3)) : name
        return all.first { $0.name == plain || $0.kafkaNames.contains(plain) }
    }
}
