import KafkaWire
import Testing

@testable import LogStorage

@Suite struct DirectoryPropertiesTests {
    private func parse(_ text: String) throws -> MetaProperties {
        try MetaProperties(parsing: Array(text.utf8), path: "/d/meta.properties")
    }

    @Test func whatKafkaWroteIsRead() throws {
        let found = try parse(
            """
            #
            #Mon Nov 23 23:28:25 UTC 2026
            node.id=1
            directory.id=M-fRREWmThW3nbZqtNz6hg
            version=1
            cluster.id=PeerKafkaCluster000000

            """)
        let id = try #require(KafkaUUID("M-fRREWmThW3nbZqtNz6hg"))
        let expected = MetaProperties(
            clusterID: "PeerKafkaCluster000000", nodeID: BrokerID(1), directoryID: id)
        #expect(found == expected)
        #expect(try MetaProperties(parsing: found.encoded(), path: "") == found)
    }

    @Test func versionZeroNamesTheNodeBroker() throws {
        let found = try parse("broker.id=3\n")
        #expect(found.version == .v0 && found.nodeID == BrokerID(3) && found.clusterID == nil)
        #expect(try MetaProperties(parsing: found.encoded(), path: "") == found)
        #expect(try parse("").nodeID == nil)
    }

    @Test(arguments: [
        "version=2\nnode.id=1\ncluster.id=c", "version=one", "version=1\ncluster.id=c",
        "version=1\nnode.id=1", "version=1\nnode.id=x\ncluster.id=c",
        "version=1\nnode.id=1\ncluster.id=c\ndirectory.id=short",
    ])
    func damageIsNamedWithItsPath(text: String) {
        let error = #expect(throws: LogDirectoryError.self) { try parse(text) }
        #expect(error?.description.hasPrefix("/d/meta.properties is damaged: ") == true)
    }

    @Test func javaPropertiesFollowJavasRules() {
        let text =
            "a = 1\n b:2\nc 3\n! no\n#no\n\nd=x\\\n   y\\\\\ne=\\u00e9\\t\\:\nf\na=4\ng\\==\\ h"
        let pairs = JavaProperties.parse(Array(text.utf8))
        #expect(pairs.map(\.key) == ["a", "b", "c", "d", "e", "f", "g="])
        #expect(pairs.map(\.value) == ["4", "2", "3", "xy\\", "é\t:", "", " h"])
    }

    /// Java's own reader refuses these; what stands there is kept.
    @Test(arguments: ["\\u12", "\\u12g4", "\\u"]) func anEscapeThatIsCutOffIsText(text: String) {
        let pairs = JavaProperties.parse(Array("a=\(text)".utf8))
        #expect(pairs.map(\.value) == [String(text.dropFirst())])
    }

    @Test func writtenPropertiesAreReadBack() {
        let pairs = [
            (key: "b c", value: " x=y:z#!\\"), (key: "a", value: "é\n\r\t\u{c}😀"),
            (key: "e", value: ""),
        ]
        let bytes = JavaProperties.format(pairs)
        #expect(bytes.allSatisfy { $0 < 127 })
        let back = JavaProperties.parse(bytes)
        let sorted = pairs.sorted { $0.key < $1.key }
        #expect(back.map(\.key) == sorted.map(\.key))
        #expect(back.map(\.value) == sorted.map(\.value))
    }
}
