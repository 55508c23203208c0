import KafkaRecords

/// Each decompressor with its cap, and each codec there and back.
let codecTargets =
    CompressionType.allCases.filter { $0 != .none }.map { type in
        FuzzTarget("decompress-\(type.name)") { fuzzDecompress($0, type) }
    } + [FuzzTarget("compress", fuzzCompress)]

/// Two bytes give the cap, the rest is the compressed input.
private func fuzzDecompress(_ bytes: RawSpan, _ type: CompressionType) {
    guard bytes.byteCount >= 2 else { return }
    let limit = (Int(bytes.byte(0)) << 8 | Int(bytes.byte(1))) * 4
    let stored = bytes.extracting(2..<bytes.byteCount)
    do throws(CompressionError) {
        let output = try Compression.decompress(stored, from: type, limit: limit)
        require(output.count <= limit, "\(output.count) bytes came out past the cap of \(limit)")
        output.withSpan { expectRoundTrip($0, type, level: nil) }
    } catch {
        if case .failed(let reason) = error { require(false, reason) }
    }
}

private func fuzzCompress(_ bytes: RawSpan) {
    guard bytes.byteCount >= 2 else { return }
    let types = CompressionType.allCases
    let type = types[Int(bytes.byte(0)) % types.count]
    // High levels of zstd take seconds for memory alone.
    let level = type.levels.map { max($0.lowerBound, -10) + Int(bytes.byte(1)) % 17 }
    expectRoundTrip(
        bytes.extracting(2..<bytes.byteCount), type,
        level: level.flatMap { type.accepts(level: $0) ? $0 : nil })
}

private func expectRoundTrip(_ bytes: RawSpan, _ type: CompressionType, level: Int?) {
    let count = bytes.byteCount
    guard let packed = try? Compression.compress(bytes, as: type, level: level) else {
        return require(false, "\(type.name) cannot compress \(count) bytes")
    }
    packed.withSpan { packed in
        let again = try? Compression.decompress(packed, from: type, limit: count)
        require(again != nil, "\(type.name) does not read what it wrote")
    }
    let original = bytes.toArray()
    packed.withSpan { packed in
        let again = try? Compression.decompress(packed, from: type, limit: count)
        require(again == original, "\(type.name) changes what it compresses")
        guard count > 0 else { return }
        let cut = try? Compression.decompress(packed, from: type, limit: count - 1)
        require(cut == nil, "\(type.name) gives \(count) bytes past a cap of one less")
    }
}
