import KafkaWire

extension PartitionLog {
    /// The batches as they are to be written when they cannot be taken as they are, or `nil`.
    func rewrittenBatches(
        _ batches: RawSpan, origin: AppendOrigin, now: Int64
    ) throws(AppendError) -> [UInt8]? {
        nil
    }
}
