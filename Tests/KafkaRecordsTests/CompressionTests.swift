import KafkaWire
import Testing

@testable import KafkaRecords

private func repaired(_ frame: [UInt8]) -> [UInt8]? {
    Lz4FrameHeader.withRightChecksum(frame.span.bytes)
}

@Suite("Compression")
struct CompressionTests {
    static let codecs: [CompressionType] = [.gzip, .snappy, .lz4, .zstd]

    @Test(arguments: [
        (CompressionType.gzip, Fixtures.gzip), (.gzip, Fixtures.gzipTwoMembers),
        (.snappy, Fixtures.snappyRaw), (.snappy, Fixtures.snappyFramed),
        (.lz4, Fixtures.lz4Independent), (.lz4, Fixtures.lz4Linked),
        (.lz4, Fixtures.lz4LinkedBlocks), (.zstd, Fixtures.zstd), (.zstd, Fixtures.zstdStream),
        (.zstd, Fixtures.zstdTwoFrames),
    ])
    func readsWhatOthersWrote(type: CompressionType, bytes: [UInt8]) throws {
        #expect(try decompress(bytes, from: type) == Fixtures.plain)
        // The limit is exact.
        let count = Fixtures.plain.count
        #expect(try decompress(bytes, from: type, limit: count) == Fixtures.plain)
        for limit in [0, 1, count / 2, count - 1] {
            #expect(throws: CompressionError.tooLarge(limit: limit)) {
                try decompress(bytes, from: type, limit: limit)
            }
        }
    }

    @Test(arguments: codecs)
    func roundTrip(type: CompressionType) throws {
        var generator = SplitMix64(seed: 3)
        for count in [0, 1, 100, 32_767, 32_768, 32_769, 65_536, 65_537, 1_000_000] {
            for input in [generator.text(count: count), generator.bytes(count: count)] {
                let packed = try compress(input, as: type)
                #expect(try decompress(packed, from: type, limit: count) == input)
            }
        }
    }

    /// A span of nothing has no address, which a codec in C would take amiss.
    @Test(arguments: codecs) func nothingAtAll(type: CompressionType) throws {
        let compressed = try Compression.compress(RawSpan(), as: type)
        #expect(try decompress(compressed, from: type, limit: 0) == [])
    }

    @Test func everyLevel() throws {
        var generator = SplitMix64(seed: 4)
        let input = generator.text(count: 20_000)
        let levels: [(CompressionType, [Int])] = [
            (.gzip, [-1] + Array(1...9)), (.lz4, Array(1...17)),
            (.zstd, [-131_072, -5] + Array(0...22)),
        ]
        for (type, values) in levels {
            for level in values {
                let packed = try compress(input, as: type, level: level)
                #expect(packed.count < input.count || level == -131_072, "\(type.name) \(level)")
                #expect(try decompress(packed, from: type) == input)
            }
        }
    }

    @Test func refusesOtherLevels() {
        let bad: [(CompressionType, Int)] = [
            (.none, 1), (.snappy, 0), (.gzip, 0), (.gzip, 10), (.gzip, -2), (.lz4, 0), (.lz4, 18),
            (.zstd, 23), (.zstd, -131_073),
        ]
        for (type, level) in bad {
            #expect(throws: CompressionError.badLevel(level)) {
                try compress([1, 2, 3], as: type, level: level)
            }
        }
    }

    /// What Kafka's Java client writes: the framing of snappy-java, and lz4 frames of version 1
    /// with independent blocks of 64 KiB, without checksums or a content size.
    @Test func writesKafkasFrames() throws {
        let snappy = try compress(Fixtures.plain, as: .snappy)
        #expect(Array(snappy[..<8]) == SnappyFraming.magic)
        #expect(Array(snappy[8..<16]) == [0, 0, 0, 1, 0, 0, 0, 1])
        let lz4 = try compress([UInt8](repeating: 7, count: 200_000), as: .lz4)
        #expect(Array(lz4[..<7]) == [0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82])
    }

    @Test func snappyStreamsMayBeJoined() throws {
        let joined = Fixtures.snappyFramed + Fixtures.snappyFramed
        #expect(try decompress(joined, from: .snappy) == Fixtures.plain + Fixtures.plain)
    }

    /// As in Kafka: bytes after the end mark of lz4, and after the last member of gzip.
    @Test func ignoresWhatFollowsTheEnd() throws {
        for (type, bytes) in [
            (CompressionType.gzip, Fixtures.gzip), (.lz4, Fixtures.lz4Independent),
        ] {
            #expect(try decompress(bytes + [0, 0, 7], from: type) == Fixtures.plain)
        }
    }

    @Test(arguments: codecs)
    func emptyInputIsCorrupt(type: CompressionType) {
        #expect(throws: CompressionError.self) { try decompress([], from: type) }
    }

    /// Ratios of a thousand and more: refused at the limit, whatever the input declares.
    @Test(arguments: codecs)
    func bombs(type: CompressionType) throws {
        let bomb = try compress([UInt8](repeating: 0, count: 20_000_000), as: type)
        #expect(throws: CompressionError.tooLarge(limit: 100_000)) {
            try decompress(bomb, from: type, limit: 100_000)
        }
    }

    @Test func liesAboutSizes() {
        // A raw block that declares 4 GiB less a byte, and one that it cannot hold.
        for block in [
            [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x00, 0x61], [0x80, 0x80, 0x40, 0x00, 0x61],
        ] as [[UInt8]] {
            #expect(throws: CompressionError.self) { try decompress(block, from: .snappy) }
        }
        // The content size of an lz4 frame and of a zstd frame, one more than there is.
        var lz4 = Fixtures.lz4Linked
        lz4[6] &+= 1
        lz4 = repaired(lz4) ?? []
        #expect(throws: CompressionError.self) { try decompress(lz4, from: .lz4) }
        var zstd = Fixtures.zstd
        zstd[5] &+= 1
        #expect(throws: CompressionError.self) { try decompress(zstd, from: .zstd) }
    }

    @Test func zstdWindowIsCapped() {
        // Frame header: no content size, a window of 1 << 27 and of 1 << 28; an empty last block.
        let at: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, (27 - 10) << 3, 0x01, 0x00, 0x00]
        var above = at
        above[5] = (28 - 10) << 3
        #expect(throws: Never.self) { try decompress(at, from: .zstd) }
        #expect(throws: CompressionError.self) { try decompress(above, from: .zstd) }
    }

    /// Threads keep their zstd context: a frame left half read must not show in the next.
    @Test func zstdForgetsAHalfReadFrame() throws {
        let bomb = try compress([UInt8](repeating: 0, count: 3_000_000), as: .zstd)
        for cut in [bomb, Array(Fixtures.zstdStream.dropLast(9)), [1, 2, 3, 4, 5]] {
            #expect(throws: CompressionError.self) {
                try decompress(cut, from: .zstd, limit: 10_000)
            }
            #expect(try decompress(Fixtures.zstdStream, from: .zstd) == Fixtures.plain)
        }
    }

    @Test func brokenLz4DescriptorOfFormat0() throws {
        #expect(throws: CompressionError.self) {
            try decompress(Fixtures.lz4OldKafka, from: .lz4)
        }
        let frame = try #require(repaired(Fixtures.lz4OldKafka))
        #expect(try decompress(frame, from: .lz4) == Fixtures.plain)
    }

    @Test func names() {
        for type in CompressionType.allCases {
            #expect(CompressionType(name: type.name) == type)
        }
        #expect(CompressionType(name: "uncompressed") == CompressionType.none)
        #expect(CompressionType(name: "producer") == nil && CompressionType(name: "GZIP") == nil)
    }
}

@Suite("Damaged compressed data")
struct DamagedCompressionTests {
    static let inputs: [(CompressionType, [UInt8])] = [
        (.gzip, Fixtures.gzip), (.snappy, Fixtures.snappyRaw), (.snappy, Fixtures.snappyFramed),
        (.lz4, Fixtures.lz4Linked), (.lz4, Fixtures.lz4LinkedBlocks), (.zstd, Fixtures.zstdStream),
    ]

    @Test(arguments: inputs)
    func cutShort(type: CompressionType, bytes: [UInt8]) {
        for count in 0..<bytes.count {
            // A framed stream may end after any of its blocks, which only the record count can
            // tell.
            let result = Result { () throws(CompressionError) in
                try decompress(Array(bytes[..<count]), from: type)
            }
            guard case .success(let output) = result else { continue }
            #expect(type == .snappy && Fixtures.plain.starts(with: output))
            #expect(output.count % 256 == 0, "\(count) of \(bytes.count) bytes")
        }
    }

    /// An error or some output within the limit, never a crash; what has a checksum finds it.
    @Test(arguments: inputs)
    func flippedBits(type: CompressionType, bytes: [UInt8]) {
        for index in bytes.indices {
            for bit in 0..<8 {
                var bad = bytes
                bad[index] ^= 1 << UInt8(bit)
                guard let output = try? decompress(bad, from: type, limit: 4096) else { continue }
                #expect(output.count <= 4096)
            }
        }
    }

    @Test(arguments: CompressionTests.codecs)
    func noise(type: CompressionType) {
        var generator = SplitMix64(seed: 5)
        for _ in 0..<2_000 {
            let count = Int(generator.next() % 200)
            var bytes = generator.bytes(count: count)
            if Bool.random(using: &generator) {
                let head = Array(Self.inputs.first { $0.0 == type }?.1.prefix(8) ?? [])
                bytes = head + bytes
            }
            guard let output = try? decompress(bytes, from: type, limit: 10_000) else { continue }
            #expect(output.count <= 10_000)
        }
    }
}
