import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// Answers that were distorted: no client traps or keeps what it was sent, and all calls end.
@Suite struct DistortedAnswersTests {
    @Test(arguments: 1...60)
    func randomAnswersEndInErrors(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let cluster = ModelCluster(partitions: 2)
        let driver = try ProducerDriver(cluster, seed: seed) {
            $0.network.requestTimeout = .seconds(2)
            $0.deliveryTimeout = .seconds(5)
            $0.maxBlock = .seconds(5)
            if seed % 2 == 0 { $0.transactionalID = "bird" }
        }
        cluster.distort = { frame in Self.distort(frame, &random) }
        driver.core.waitForTopic("t", waiter: 1, now: driver.now)
        let beginning = driver.call { core, waiter, now in
            core.beginTransaction(waiter: waiter, now: now)
        }
        for index in 0..<20 {
            driver.append("\(index)", partition: Int32(index % 2))
            try driver.run(for: .milliseconds(400)) { false }
        }
        try driver.run(for: .seconds(20)) {
            driver.resumed[1] != nil && driver.ended[beginning] != nil
        }
        #expect(driver.resumed[1] != nil && driver.ended[beginning] != nil)
        try driver.run(for: .seconds(8)) { driver.core.bufferedBytes == 0 }
        #expect(driver.core.bufferedBytes == 0, "all records have ended")
    }

    /// A count that the bytes cannot have is refused before anything is reserved for it.
    @Test func hugeLengthsReserveNothing() throws {
        for length in [Int32.max, Int32.max / 2, 1 << 24, -2] {
            var writer = WireWriter()
            writer.write(Int32(1))
            writer.write(Int32(0))
            writer.write(length)
            let completion = Completion(
                tag: (), node: NodeKey.bootstrap(0), apiKey: .metadata, version: 4,
                result: .success(writer.toArray()))
            #expect(throws: ClientError.self) { try completion.decode(MetadataRequest.self) }
        }
    }

    private static func distort(_ frame: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        // The correlation stays, so that more than that is looked at.
        var frame = frame
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return Array(frame.prefix(Int.random(in: 0...frame.count, using: &random)))
        case 1:
            let count = Int.random(in: 0..<64, using: &random)
            return frame.prefix(4)
                + (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        case 2, 3:
            guard frame.count > 4 else { return frame }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 4..<frame.count, using: &random)
                frame[place] = [0, 0x7F, 0x80, 0xFF][Int.random(in: 0..<4, using: &random)]
            }
            return frame
        default: return frame
        }
    }
}
