import KafkaWire
import Testing

@testable import LogStorage

@Suite struct CheckpointTests {
    private let files = MemoryFileSystem()
    private var checkpoint: OffsetCheckpoint {
        OffsetCheckpoint(.recoveryPoint, in: "/d", fileSystem: files)
    }
    private func partition(_ topic: String, _ number: Int32) -> TopicPartition {
        TopicPartition(topic: topic, partition: number)
    }

    @Test func offsetsAreReadBackAndSorted() throws {
        try files.createDirectory("/d")
        #expect(try checkpoint.read().isEmpty)
        let offsets = [
            partition("b", 0): Offset(7), partition("a", 10): Offset(Int64.max),
            partition("a", 2): .zero,
        ]
        try checkpoint.write(offsets)
        #expect(try checkpoint.read() == offsets)
        let text = try files.text("/d/recovery-point-offset-checkpoint")
        #expect(text == "0\n3\na 2 0\na 10 9223372036854775807\nb 0 7\n")
        try checkpoint.write([:])
        #expect(try files.text(checkpoint.path) == "0\n0\n")
        #expect(try checkpoint.read().isEmpty)
        #expect(try files.list("/d") == ["recovery-point-offset-checkpoint"])
    }

    @Test func whatJavaWritesIsRead() throws {
        for text in [
            "0\n2\nt 1  5\nu\t0 6\n", "0\r\n2\r\nt 1 5\r\nu 0 6\r\n", "0\n2\nt 1 5\nu 0 6",
        ] {
            try files.put(checkpoint.path, text)
            let expected = [partition("t", 1): Offset(5), partition("u", 0): Offset(6)]
            #expect(try checkpoint.read() == expected)
        }
        for text in ["", "0\n", "0\n0\n"] {
            try files.put(checkpoint.path, text)
            #expect(try checkpoint.read().isEmpty)
        }
    }

    @Test(arguments: [
        "1\n0\n", "x\n", "0\nx\n", "0\n2\nt 0 1\n", "0\n1\nt 0 1\nu 0 1\n", "0\n1\nt 0\n",
        "0\n1\nt 0 1 2\n", "0\n1\nt x 1\n", "0\n1\nt 0 y\n", "0\n1\nt 0 -1\n", "0\n1\nt -1 0\n",
        "0\n1\nt 0 9223372036854775808\n", "0\n1\nt 2147483648 0\n", "0\n1\n\n", "0\n-1\n", "\n",
        "0\n999999999999999999999\nt 0 1\n",
    ])
    func damageIsReportedWithThePath(text: String) throws {
        try files.put(checkpoint.path, text)
        let error = #expect(throws: LogDirectoryError.self) { try checkpoint.read() }
        #expect(error?.description.hasPrefix(checkpoint.path + " is damaged") == true)
    }

    @Test func theCleanStopIsToldOnce() throws {
        try files.createDirectory("/d")
        let marker = CleanShutdownFile(in: "/d", fileSystem: files)
        #expect(try marker.take() == nil)
        try marker.write(brokerEpoch: 263)
        #expect(try files.text("/d/.kafka_cleanshutdown") == #"{"version":0,"brokerEpoch":263}"#)
        #expect(try marker.read() == CleanShutdownFile.Content(brokerEpoch: 263))
        #expect(try marker.take() == CleanShutdownFile.Content(brokerEpoch: 263))
        #expect(try marker.take() == nil)
        #expect(try files.list("/d").isEmpty)
    }

    @Test(arguments: [
        ("", nil as Int64?), ("{}", nil), ("{ \"brokerEpoch\" : -1 , \"version\":0 }\n", -1),
        ("{\"version\":0,\"x\":1,\"brokerEpoch\":9}", 9), ("{\"brokerEpoch\":null}", nil),
        ("[", nil),
    ])
    func markersOfOtherMakeAreClean(text: String, epoch: Int64?) throws {
        try files.put("/d/.kafka_cleanshutdown", text)
        let marker = CleanShutdownFile(in: "/d", fileSystem: files)
        #expect(try marker.take() == CleanShutdownFile.Content(brokerEpoch: epoch))
    }
}
