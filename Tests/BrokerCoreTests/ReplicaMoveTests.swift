import KafkaProtocol
import KafkaRecords
import KafkaWire
import LogStorage
import Replication
import Testing

@testable import BrokerCore

/// Replicas that are moved between log directories (KIP-113).
@Suite struct ReplicaMoveTests {
    static let directories = ["/a", "/b"]
    static let partition = TopicPartition(topic: "words", partition: 0)

    /// A node with a partition of `count` records by an idempotent producer.
    static func makeNode(records count: Int = 6, configs: [String: String] = [:]) throws
        -> TestNode
    {
        let node = try TestNode(directories: directories)
        let client = node.connect()
        try client.createTopic("words", configs: configs)
        for number in 0..<count { try write(number, client) }
        return node
    }

    @discardableResult
    static func write(_ number: Int, _ client: TestClient) throws -> (KafkaError?, Int64) {
        var options = RecordBatchBuilder.Options()
        options.producerID = ProducerID(7)
        options.producerEpoch = 0
        options.baseSequence = Int32(number)
        let batch = try TestRecords.batch([(key: "k\(number % 3)", value: "v\(number)")], options)
        let response = try client.call(
            TestClient.produceRequest(batch, to: "words"), version: 12)
        let result = response.responses[0].partitionResponses[0]
        return (KafkaError(rawValue: result.errorCode), result.baseOffset)
    }

    static func cell(_ node: TestNode) throws -> PartitionCell {
        try #require(node.view.topic(named: "words")?[0])
    }

    static func alter(
        _ node: TestNode, to path: String, topic: String = "words", partition: Int32 = 0
    ) throws -> KafkaError? {
        let request = AlterReplicaLogDirsRequest(
            dirs: [.init(path: path, topics: [.init(name: topic, partitions: [partition])])])
        let code = try node.connect().call(request).results[0].partitions[0].errorCode
        return KafkaError(rawValue: code)
    }

    static func other(_ node: TestNode) throws -> String {
        try cell(node).logDirectory == "/a" ? "/b" : "/a"
    }

    static func run(_ node: TestNode, _ mover: ReplicaMover) {
        node.carryOut(mover.round(node.view, now: node.clock.now))
    }

    static func texts(_ node: TestNode) throws -> [String] {
        let client = node.connect()
        let end = try cell(node).locked { $0.log.logEndOffset.rawValue }
        var records: [Record] = []
        // A fetch gives records of one segment.
        while let next = records.last.map({ $0.offset.rawValue + 1 }) ?? 0 as Int64?, next < end {
            records += try client.fetch("words", from: next)
        }
        return records.compactMap(\.text)
    }

    /// The directories of the partition on all disks.
    static func names(_ files: MemoryFileSystem) throws -> [String] {
        try directories.flatMap { root in
            try files.list(root).filter { $0.hasPrefix("words-0") }.map { "\(root)/\($0)" }
        }
    }

    // MARK: The way

    @Test func aReplicaGoesToTheOtherDirectory() throws {
        let node = try Self.makeNode()
        let target = try Self.other(node)
        let source = try Self.cell(node).logDirectory
        #expect(try Self.alter(node, to: target) == KafkaError.none)
        #expect(try Self.alter(node, to: target) == KafkaError.none, "asking twice changes nothing")
        let during = try node.connect().call(DescribeLogDirsRequest(topics: nil)).results
        let future = try #require(during.first { $0.logDir == target }?.topics.first?.partitions)
        #expect(future.map(\.isFutureKey) == [true] && future.map(\.offsetLag) == [6])
        #expect(during.first { $0.logDir == source }?.topics[0].partitions[0].isFutureKey == false)

        let mover = ReplicaMover(surroundings: node.controller.surroundings)
        Self.run(node, mover)
        #expect(try Self.cell(node).logDirectory == target)
        let after = try node.connect().call(DescribeLogDirsRequest(topics: nil)).results
        #expect(after.first { $0.logDir == source }?.topics.isEmpty == true)
        #expect(after.first { $0.logDir == target }?.topics[0].partitions[0].isFutureKey == false)
        #expect(try Self.texts(node) == (0..<6).map { "v\($0)" })
        // The metadata names the new directory, and the old one is removed after its delay.
        let topic = try #require(node.view.image.topics["words"])
        let id = node.controller.directories.all.first { $0.path == target }?.id
        #expect(topic[0]?.directory(of: 1) == id)
        node.advance(ms: 60_001)
        node.removeDueFiles()
        #expect(try Self.names(node.fileSystem) == ["\(target)/words-0"])

        let client = node.connect()
        #expect(try Self.write(5, client) == (KafkaError.none, 5), "a retry is known")
        #expect(try Self.write(6, client) == (KafkaError.none, 6))
        let next = try node.restarted()
        #expect(try Self.cell(next).logDirectory == target)
        #expect(try Self.texts(next) == (0..<7).map { "v\($0)" })
    }

    @Test func itGoesBackToo() throws {
        let node = try Self.makeNode(configs: ["segment.bytes": "1048576"])
        let source = try Self.cell(node).logDirectory
        let target = try Self.other(node)
        let mover = ReplicaMover(surroundings: node.controller.surroundings)
        for (round, directory) in [target, source, target].enumerated() {
            #expect(try Self.alter(node, to: directory) == KafkaError.none)
            Self.run(node, mover)
            #expect(try Self.cell(node).logDirectory == directory)
            #expect(
                try Self.write(6 + round, node.connect()) == (KafkaError.none, Int64(6 + round)))
        }
        #expect(try Self.texts(try node.restartedAfterKill()) == (0..<9).map { "v\($0)" })
    }

    @Test func toNameItsDirectoryCancelsTheMove() throws {
        let node = try Self.makeNode()
        let source = try Self.cell(node).logDirectory
        let target = try Self.other(node)
        #expect(try Self.alter(node, to: target) == KafkaError.none)
        #expect(try Self.alter(node, to: source) == KafkaError.none)
        let mover = ReplicaMover(surroundings: node.controller.surroundings)
        #expect(mover.hasWork(node.view))
        Self.run(node, mover)
        #expect(!mover.hasWork(node.view))
        #expect(try Self.cell(node).logDirectory == source)
        node.advance(ms: 60_001)
        node.removeDueFiles()
        #expect(try Self.names(node.fileSystem) == ["\(source)/words-0"])
    }

    @Test func refusalsAreKafkas() throws {
        let node = try Self.makeNode()
        let target = try Self.other(node)
        #expect(try Self.alter(node, to: "/elsewhere") == .logDirNotFound)
        #expect(try Self.alter(node, to: target, topic: "absent") == .replicaNotAvailable)
        #expect(try Self.alter(node, to: target, partition: 9) == .replicaNotAvailable)
        let long = String(repeating: "x", count: 220)
        #expect(try Self.alter(node, to: target, topic: long) == .invalidTopicException)
        node.fileSystem.fail(.init(prefix: target + "/", isPermanent: true))
        #expect(try Self.alter(node, to: target) == .kafkaStorageError)
        #expect(try Self.alter(node, to: target) == .kafkaStorageError, "it is offline now")
    }

    @Test func aReplicaToComeIsMadeWhereItWasAskedFor() throws {
        let node = try TestNode(directories: Self.directories)
        for partition in Int32(0)..<3 {
            #expect(
                try Self.alter(node, to: "/b", partition: partition) == .replicaNotAvailable)
        }
        try node.connect().createTopic("words", partitions: 3)
        let cells = node.view.topic(named: "words")?.partitions.compactMap { $0?.logDirectory }
        #expect(cells == ["/b", "/b", "/b"])
    }

    /// Anybody may ask for any name: so many are remembered.
    @Test(
        arguments: [(9998, ["/b", "/b"]), (10_000, ["/a", "/b"])] as [(Int32, [String])])
    func replicasToComeAreRememberedUpToALimit(_ others: Int32, _ expected: [String]) throws {
        #expect(ReplicaMoves.preferenceLimit == 10_000)
        let node = try TestNode(directories: Self.directories)
        let filler = AlterReplicaLogDirsRequest(
            dirs: [
                .init(path: "/a", topics: [.init(name: "other", partitions: Array(0..<others))])
            ])
        #expect(try node.connect().call(filler).results[0].partitions.count == Int(others))
        for partition in Int32(0)..<2 {
            #expect(
                try Self.alter(node, to: "/b", partition: partition) == .replicaNotAvailable)
        }
        try node.connect().createTopic("words", partitions: 2)
        let cells = node.view.topic(named: "words")?.partitions.compactMap { $0?.logDirectory }
        #expect(cells?.sorted() == expected)
    }

    @Test func theThrottleIsHonoured() throws {
        var throttle = MoveThrottle()
        throttle.begin(rate: 1000, now: 0)
        #expect(throttle.isOpen)
        throttle.spend(2500)
        #expect(!throttle.isOpen)
        throttle.begin(rate: 1000, now: 1_500_000_000)
        #expect(!throttle.isOpen)
        throttle.begin(rate: 1000, now: 1_501_000_000)
        #expect(throttle.isOpen)
        throttle.begin(rate: .max, now: 1_501_000_000)
        #expect(throttle.isOpen)
    }

    // MARK: What happens meanwhile

    @Test func aDeletedTopicTakesItsCopyAlong() throws {
        let node = try Self.makeNode()
        #expect(try Self.alter(node, to: try Self.other(node)) == KafkaError.none)
        _ = try node.connect().call(
            DeleteTopicsRequest(topics: [.init(name: "words")], timeoutMs: 1000))
        let mover = ReplicaMover(surroundings: node.controller.surroundings)
        Self.run(node, mover)
        try node.connect().createTopic("words")
        Self.run(node, mover)
        #expect(try Self.texts(node).isEmpty)
        node.advance(ms: 60_001)
        node.removeDueFiles()
        #expect(try Self.names(node.fileSystem).count == 1)
    }

    @Test func recordsThatAreDeletedMeanwhileStayDeleted() throws {
        let node = try Self.makeNode()
        #expect(try Self.alter(node, to: try Self.other(node)) == KafkaError.none)
        let request = DeleteRecordsRequest(
            topics: [.init(name: "words", partitions: [.init(partitionIndex: 0, offset: 4)])])
        #expect(try node.connect().call(request).topics[0].partitions[0].lowWatermark == 4)
        Self.run(node, ReplicaMover(surroundings: node.controller.surroundings))
        #expect(try Self.cell(node).locked { $0.log.logStartOffset } == Offset(4))
        let next = try node.restartedAfterPowerCut()
        #expect(try Self.cell(next).locked { $0.log.logStartOffset } == Offset(4))
        #expect(try next.connect().fetch("words", from: 4).compactMap(\.text) == ["v4", "v5"])
    }

    @Test(arguments: ["/a", "/b"])
    func aFailingDirectoryEndsTheMove(_ failing: String) throws {
        let node = try Self.makeNode()
        let source = try Self.cell(node).logDirectory
        let target = try Self.other(node)
        // The metadata log is in /a; were that to fail, the node would end.
        guard failing != "/a" || source == "/b" || target == "/b" else { return }
        #expect(try Self.alter(node, to: target) == KafkaError.none)
        node.fileSystem.fail(.init(prefix: failing + "/words", isPermanent: true))
        let mover = ReplicaMover(surroundings: node.controller.surroundings)
        Self.run(node, mover)
        if failing == target {
            #expect(try Self.cell(node).logDirectory == source)
            #expect(!mover.hasWork(node.view))
            if node.failure == nil {
                #expect(try Self.write(6, node.connect()).0 == KafkaError.none)
            }
        }
        node.fileSystem.fail(nil)
        let next = try node.restartedAfterKill()
        Self.run(next, ReplicaMover(surroundings: next.controller.surroundings))
        #expect(try Self.texts(next).prefix(6) == (0..<6).map { "v\($0)" }[...])
        #expect(try Self.cell(next).logDirectory == target)
    }

    @Test func aFullTargetOnlyEndsTheMove() throws {
        let node = try Self.makeNode()
        let source = try Self.cell(node).logDirectory
        let target = try Self.other(node)
        #expect(try Self.alter(node, to: target) == KafkaError.none)
        node.fileSystem.fail(
            .init(operation: "write", suffix: ".log", prefix: target + "/words", code: 28))
        let mover = ReplicaMover(surroundings: node.controller.surroundings)
        Self.run(node, mover)
        #expect(!mover.hasWork(node.view))
        #expect(try Self.cell(node).logDirectory == source)
        #expect(node.view.directories.statuses().map(\.error) == [.none, .none])
        #expect(try Self.alter(node, to: target) == KafkaError.none)
        Self.run(node, mover)
        #expect(try Self.cell(node).logDirectory == target)
    }

    @Test func aRestartGoesOn() throws {
        for isClean in [true, false] {
            let node = try Self.makeNode()
            let target = try Self.other(node)
            #expect(try Self.alter(node, to: target) == KafkaError.none)
            let next = isClean ? try node.restarted() : try node.restartedAfterKill()
            #expect(try Self.cell(next).logDirectory != target)
            #expect(try Self.write(6, next.connect()) == (KafkaError.none, 6))
            Self.run(next, ReplicaMover(surroundings: next.controller.surroundings))
            #expect(try Self.cell(next).logDirectory == target)
            #expect(try Self.texts(next) == (0..<7).map { "v\($0)" })
        }
    }

    // MARK: Crashes

    /// The node dies at each call that the move makes to the file system. Whatever is left: all
    /// that was acknowledged is there once, a retry is known, and the move can be finished.
    @Test(arguments: [Durability.flushed, .replicated])
    func aCrashAtAnyCallIsRecoveredFrom(_ durability: Durability) throws {
        var count = 0
        while try crash(at: count, durability) { count += 1 }
        #expect(count > 30, "a move makes calls")
    }

    private func crash(at count: Int, _ durability: Durability) throws -> Bool {
        let node = try TestNode(directories: Self.directories) { $0.durability = durability }
        let client = node.connect()
        try client.createTopic("words", configs: ["segment.bytes": "1048576"])
        for number in 0..<5 { try Self.write(number, client) }
        let target = try Self.other(node)
        let mover = ReplicaMover(surroundings: node.controller.surroundings)
        node.fileSystem.fail(.init(after: count, isPermanent: true, partialBytes: 5))
        let asked = try Self.alter(node, to: target)
        var acknowledged = 5
        if asked == KafkaError.none {
            Self.run(node, mover)
            if node.failure == nil, try Self.write(5, client) == (KafkaError.none, 5) {
                acknowledged = 6
            }
        }
        let isWhole = try Self.cell(node).logDirectory == target && acknowledged == 6
        node.fileSystem.fail(nil)
        let place = "\(durability) at call \(count)"
        // Only a kill leaves to `replicated` what was acknowledged.
        let left =
            durability == .replicated || count % 3 == 2
            ? node.fileSystem.afterKill()
            : node.fileSystem.afterPowerCut(seed: count % 3 == 0 ? nil : UInt64(count))
        try check(left, node.options, node.clock, acknowledged, target, place)
        return !isWhole
    }

    private func check(
        _ files: MemoryFileSystem, _ options: NodeOptions, _ clock: VirtualClock,
        _ acknowledged: Int, _ target: String, _ place: String
    ) throws {
        let next = try TestNode(on: files, clock: clock) { $0 = options }
        #expect(next.reports.all.filter { $0.contains("offline") } == [], "\(place)")
        let texts = try Self.texts(next)
        #expect(texts.prefix(5) == (0..<5).map { "v\($0)" }[...], "\(place)")
        #expect(texts.count >= acknowledged && texts.count <= 6, "\(place): \(texts)")
        let client = next.connect()
        let last = texts.count - 1
        #expect(try Self.write(last, client) == (KafkaError.none, Int64(last)), "\(place)")
        #expect(try Self.write(last + 1, client) == (KafkaError.none, Int64(last + 1)), "\(place)")

        let mover = ReplicaMover(surroundings: next.controller.surroundings)
        Self.run(next, mover)
        #expect(try Self.alter(next, to: target) == KafkaError.none, "\(place)")
        Self.run(next, mover)
        #expect(try Self.cell(next).logDirectory == target, "\(place)")
        let all = (0...last + 1).map { "v\($0)" }
        #expect(try Self.texts(next) == all, "\(place)")
        next.advance(ms: 60_001)
        next.removeDueFiles()
        #expect(try Self.names(next.fileSystem) == ["\(target)/words-0"], "\(place)")
        let durable =
            options.durability == .flushed
            ? try next.restartedAfterPowerCut() : try next.restartedAfterKill()
        #expect(try Self.texts(durable) == all, "\(place)")
    }
}
