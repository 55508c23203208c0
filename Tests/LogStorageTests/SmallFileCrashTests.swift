import KafkaRecords
import KafkaWire
import Testing

@testable import LogStorage

/// Ends the writing of small files at each call to the file system: after any power cut there is
/// what was written last, or what was about to be, and never anything else.
@Suite struct SmallFileCrashTests {
    /// A file that is written again and again, by the number of its contents.
    struct Script: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let write: @Sendable (MemoryFileSystem, Int) throws -> Void
        /// The number of the contents that are there, 0 for none.
        let read: @Sendable (MemoryFileSystem) throws -> Int
    }

    private static let directory = TestLog.root

    private static let checkpoints = OffsetCheckpoint.Kind.allCases.map { kind in
        Script(
            testDescription: "\(kind)",
            write: { files, number in
                // Contents of more than one sector.
                let offsets = (0..<40).map {
                    (TopicPartition(topic: "t", partition: Int32($0)), Offset(Int64(number)))
                }
                try OffsetCheckpoint(kind, in: directory, fileSystem: files)
                    .write(Dictionary(uniqueKeysWithValues: offsets))
            },
            read: { files in
                let found = try OffsetCheckpoint(kind, in: directory, fileSystem: files).read()
                let numbers = Set(found.values)
                #expect(found.isEmpty || found.count == 40 && numbers.count == 1)
                return Int(numbers.first?.rawValue ?? 0)
            })
    }
    private static let properties = Script(
        testDescription: "meta.properties",
        write: { files, number in
            try MetaProperties(
                clusterID: String(repeating: "c", count: 600), nodeID: BrokerID(Int32(number)),
                directoryID: .metadataTopic
            ).write(to: directory, in: files)
        },
        read: { files in
            Int(try MetaProperties.read(from: directory, in: files)?.nodeID?.rawValue ?? 0)
        })
    private static let cleanShutdown = Script(
        testDescription: "clean shutdown",
        write: { files, number in
            try CleanShutdownFile(in: directory, fileSystem: files)
                .write(brokerEpoch: Int64(number))
        },
        read: { files in
            Int(try CleanShutdownFile(in: directory, fileSystem: files).read()?.brokerEpoch ?? 0)
        })

    @Test(arguments: checkpoints + [properties, cleanShutdown])
    func aPowerCutLeavesTheOldOrTheNew(_ script: Script) throws {
        var tally = PowerCutTally()
        while true {
            let files = try TestLog.fileSystem()
            files.fail(.init(after: tally.calls, isPermanent: true, partialBytes: .max))
            var written = 0
            do {
                while written < 3 {
                    try script.write(files, written + 1)
                    written += 1
                }
            } catch {}
            files.fail(nil)
            let cuts = PowerCuts(of: files, limit: 4096)
            #expect(cuts.isComplete)
            tally.add(cuts)
            for left in cuts {
                let found = try script.read(left)
                #expect(
                    found == written || found == written + 1,
                    "call \(tally.calls): \(found) after \(written)")
            }
            if written == 3 { break }
        }
        #expect(tally.calls > 9)
        tally.report(script.testDescription)
    }
}
