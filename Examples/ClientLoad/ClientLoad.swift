import MartletClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Loads that measure the client; `bench/client.c` has the same for librdkafka.
///
///     client-load produce BOOTSTRAP TOPIC COUNT SIZE    acks=all, batches of 1 MB, linger 5 ms
///     client-load consume BOOTSTRAP TOPIC COUNT SIZE    from the beginning of all partitions
///     client-load records BOOTSTRAP TOPIC COUNT SIZE    the same, record by record
///     client-load latency BOOTSTRAP TOPIC COUNT SIZE    linger 0, one record after the other
///
/// Prints records a second and CPU nanoseconds of the process for each record; for latency the
/// median and the 99th percentile in microseconds.
@main struct ClientLoad {
    static func main() async {
        let words = Array(CommandLine.arguments.dropFirst())
        let numbers = words.dropFirst(3).compactMap { Int($0) }
        do {
            switch (words.first, numbers.count) {
            case ("produce", 2): try await produce(words[1], words[2], numbers[0], numbers[1])
            case ("consume", 2): try await consume(words[1], words[2], numbers[0], numbers[1])
            case ("records", 2): try await records(words[1], words[2], numbers[0], numbers[1])
            case ("latency", 2): try await latency(words[1], words[2], numbers[0], numbers[1])
            default:
                print("client-load produce|consume|records|latency BOOTSTRAP TOPIC COUNT SIZE")
                exit(2)
            }
        } catch {
            print(error)
            exit(1)
        }
    }

    // MARK: Clocks

    static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Wall time and CPU time since it was made.
    struct Meter {
        private let wall = nanoseconds(CLOCK_MONOTONIC)
        private let cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID)

        func report(_ count: Int) {
            let rate = Double(count) * 1e9 / Double(nanoseconds(CLOCK_MONOTONIC) - wall)
            let cost = Double(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / Double(count)
            print(Int(rate), (cost * 10).rounded() / 10)
        }
    }

    // MARK: Loads

    static func produce(
        _ bootstrap: String, _ topic: String, _ count: Int, _ size: Int
    ) async throws {
        let producer = try Producer(bootstrap: bootstrap) {
            $0.batchSize = 1_000_000
            $0.maxRequestSize = 2 << 20
            $0.bufferMemory = 64 << 20
        }
        var record = ProducerRecord(topic: topic, value: (0..<size).map { 97 + UInt8($0 % 26) })
        let meter = Meter()
        for index in 0..<count {
            record.value?[index % size] = 97 + UInt8(index % 26)
            try await producer.enqueue(record)
        }
        try await producer.flush()
        meter.report(count)
        try await producer.close()
    }

    static func consume(
        _ bootstrap: String, _ topic: String, _ count: Int, _ size: Int
    ) async throws {
        let consumer = try Consumer(bootstrap: bootstrap) { $0.offsetReset = .earliest }
        let meter = Meter()
        try await consumer.assign(topic: topic)
        var seen = 0
        var bytes = 0
        for try await batch in consumer.batches {
            for record in batch.records {
                bytes += record.withValue { $0.count + Int($0[0]) } ?? 0
            }
            seen += batch.records.count
            if seen >= count { break }
        }
        precondition(bytes >= seen * size, "something else was read")
        meter.report(seen)
        await consumer.close()
    }

    static func records(
        _ bootstrap: String, _ topic: String, _ count: Int, _ size: Int
    ) async throws {
        let consumer = try Consumer(bootstrap: bootstrap) { $0.offsetReset = .earliest }
        let meter = Meter()
        try await consumer.assign(topic: topic)
        var seen = 0
        var bytes = 0
        for try await record in consumer.records {
            bytes += record.withValue { $0.count + Int($0[0]) } ?? 0
            seen += 1
            if seen >= count { break }
        }
        precondition(bytes >= seen * size, "something else was read")
        meter.report(seen)
        await consumer.close()
    }

    static func latency(
        _ bootstrap: String, _ topic: String, _ count: Int, _ size: Int
    ) async throws {
        let producer = try Producer(bootstrap: bootstrap) { $0.linger = .zero }
        let record = ProducerRecord(topic: topic, value: [UInt8](repeating: 0, count: size))
        var took: [Int64] = []
        for _ in 0..<count + 100 {
            let start = nanoseconds(CLOCK_MONOTONIC)
            _ = try await producer.send(record)
            took.append(nanoseconds(CLOCK_MONOTONIC) - start)
        }
        let sorted = took.dropFirst(100).sorted()
        print(Double(sorted[count / 2]) / 1e3, Double(sorted[count * 99 / 100]) / 1e3)
        try await producer.close()
    }
}
