import KafkaWire

/// A broker as a place for replicas.
struct LayoutBroker: Equatable {
    var id: Int32
    var rack: String?
    /// Size of its disks in bytes; `nil` while that is unknown.
    var capacity: Int64?
    /// False for brokers that are away, and for those whose directories are all cordoned.
    var takesReplicas = true
}

/// A partition with its replicas, the preferred leader first.
struct LayoutPartition: Equatable {
    var id: TopicPartition
    var replicas: [Int32]
    /// Bytes of one replica.
    var size: Int64 = 0
    /// Whether a plan may change it.
    var isMovable = true
}

/// Which replicas are where: what a rebalance begins with.
struct ClusterLayout: Equatable {
    var brokers: [LayoutBroker]
    var partitions: [LayoutPartition]
}

/// What a rebalance is for.
///
/// With neither `drained` nor `filled` all brokers are evened. `drained` alone moves what is on
/// those brokers and nothing else; `filled` moves replicas to those brokers only.
struct RebalanceGoals: Equatable {
    /// Brokers that shall hold nothing in the end.
    var drained: Set<Int32> = []
    /// Brokers that shall get their share.
    var filled: Set<Int32> = []
    /// Brokers that keep what they have and get nothing.
    var excluded: Set<Int32> = []
    /// How far from the mean still counts as even, as a part of it.
    var tolerance = 0.1
    /// Bytes by which brokers may differ in any case.
    var slackBytes: Int64 = 1 << 20
}

/// Where partitions shall be that are not right where they are.
struct RebalancePlan: Equatable {
    struct Change: Equatable {
        var partition: TopicPartition
        var from: [Int32]
        var to: [Int32]
        /// Bytes of one replica.
        var size: Int64

        /// Brokers that have to copy it.
        var added: [Int32] { to.filter { !from.contains($0) } }
        /// Bytes that go over the network.
        var movedBytes: Int64 { Int64(added.count) * size }
        /// Whether another replica shall lead, among those that are there.
        var isReorder: Bool { added.isEmpty && from.count == to.count }
    }

    /// In order of partitions.
    var changes: [Change] = []
    /// What of the goals cannot be reached, in sentences.
    var problems: [String] = []
}

extension ClusterLayout {
    /// The layout once the plan is carried out.
    func applying(_ plan: RebalancePlan) -> ClusterLayout {
        let targets = Dictionary(uniqueKeysWithValues: plan.changes.map { ($0.partition, $0.to) })
        var layout = self
        for index in layout.partitions.indices {
            if let replicas = targets[layout.partitions[index].id] {
                layout.partitions[index].replicas = replicas
            }
        }
        return layout
    }
}
