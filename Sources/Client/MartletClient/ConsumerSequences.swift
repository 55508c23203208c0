public import ClientCore

/// The records of a consumer, one by one.
public struct ConsumerRecords: AsyncSequence, Sendable {
    public typealias Element = ConsumerRecord
    let reader: ConsumerReader

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let reader: ConsumerReader

        public mutating func next() async throws(ClientError) -> ConsumerRecord? {
            try await next(isolation: nil)
        }
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ClientError) -> ConsumerRecord? {
            try await reader.nextRecord()
        }
    }
}

/// The records of a consumer, in the batches in which they were written.
public struct ConsumerBatches: AsyncSequence, Sendable {
    public typealias Element = ConsumerBatch
    let reader: ConsumerReader

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let reader: ConsumerReader

        public mutating func next() async throws(ClientError) -> ConsumerBatch? {
            try await next(isolation: nil)
        }
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ClientError) -> ConsumerBatch? {
            try await reader.next(within: nil)
        }
    }
}
