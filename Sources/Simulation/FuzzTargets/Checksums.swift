import KafkaRecords

/// Sets the CRC of each batch of format 2 that is all there.
func repairBatches(_ bytes: inout [UInt8]) {
    var position = 0
    while position + RecordBatchHeader.byteCount <= bytes.count {
        let length = Int(Int32(bitPattern: integer(bytes, at: position + 8)))
        let end = position + RecordBatchHeader.logOverhead + length
        guard length >= RecordBatchHeader.byteCount - RecordBatchHeader.logOverhead,
            end <= bytes.count
        else { return }
        if bytes[position + 16] == 2 {
            store(checksum(bytes, from: position + 21, to: end), in: &bytes, at: position + 17)
        }
        position = end
    }
}

/// Sets the CRC of a producer snapshot: of all that follows it.
func repairSnapshot(_ bytes: inout [UInt8]) {
    guard bytes.count >= 6 else { return }
    store(checksum(bytes, from: 6, to: bytes.count), in: &bytes, at: 2)
}

private func checksum(_ bytes: [UInt8], from start: Int, to end: Int) -> UInt32 {
    // Bytes have no padding.
    CRC32C.checksum(unsafe bytes.span.bytes.extracting(start..<end))
}

private func integer(_ bytes: [UInt8], at position: Int) -> UInt32 {
    bytes[position..<position + 4].reduce(0) { $0 << 8 | UInt32($1) }
}

private func store(_ value: UInt32, in bytes: inout [UInt8], at position: Int) {
    for index in 0..<4 {
        bytes[position + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index))
    }
}
