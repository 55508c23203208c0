import ClientCore
import KafkaWire

/// A program that copies a topic, partition by partition, in transactions that commit its offsets,
/// too (KIP-447): whatever ends it and whoever follows, each record is in the copy once, in order.
final class SwiftCopyWorkload {
    private static let group = "swift-copiers"

    private unowned let world: SimulatedWorld
    private let number: Int
    private let source: String
    private let copy: String
    private let settings: ConsumerSettings
    private var producer: ClientShell<ProducerCore>!
    private var consumer: ClientShell<ConsumerCore>!
    /// Counts programs: what was meant for an earlier one is dropped.
    private var generation = 0
    private var isBusy = false
    private var isWaiting = false
    /// What a transaction that is under way holds up.
    private var tickets: [UInt64] = []
    private var nextWaiter: UInt64 = 1
    /// What follows when a call has ended.
    private var calls: [UInt64: (ClientError?) -> Void] = [:]

    init(_ world: SimulatedWorld, number: Int, from source: String, to copy: String) {
        self.world = world
        self.number = number
        self.source = source
        self.copy = copy
        var settings = ConsumerSettings.simulated(world, "swift-copier-\(number)")
        settings.isolation = .readCommitted
        settings.group = GroupSettings.simulated(world, Self.group)
        settings.group?.commitsAutomatically = false
        self.settings = settings
    }

    func start() {
        begin()
        world.repeating(world.options.clients.copierMs) { [weak self] in
            self?.restart("is killed")
        }
    }

    /// Up to where it has copied the partitions that it has.
    var positions: [Int32: Int64] {
        guard !isBusy, let consumer else { return [:] }
        return consumer.look { core in
            var all: [Int32: Int64] = [:]
            for id in core.assignment {
                guard let position = try? core.position(id) else { continue }
                all[id.partition] = position.rawValue
            }
            return all
        }
    }

    // MARK: Life

    private func begin() {
        generation += 1
        calls = [:]
        tickets = []
        isBusy = false
        isWaiting = false
        let generation = generation
        var network = settings.network
        network.clientID = "swift-copier-\(number)-\(generation)"
        var producing = ProducerSettings(network: network)
        producing.linger = .milliseconds(world.options.clients.lingerMs)
        producing.transactionalID = "swift-copier-\(number)"
        producing.transactionTimeout = .seconds(10)
        producing.deliveryTimeout = .seconds(30)
        producing.maxBlock = .seconds(20)
        producer = ClientShell(world, producing) { [weak self] output in
            guard let self, generation == self.generation else { return }
            take(output)
        }
        consumer = ClientShell(world, settings) { [weak self] output in
            guard let self, generation == self.generation else { return }
            take(output)
        }
        // Whoever reads on must not do so before the transactions of the one before have ended.
        call {
            $0.prepareTransactions(waiter: $1, now: $2)
        } then: { [unowned self] error in
            if let error { return restart("does not get ready: \(error)") }
            consumer.subscribe(to: source, "Swift copier \(number)")
        }
    }

    /// The program ends, leaving all as it is; another one begins after a while.
    private func restart(_ cause: String) {
        world.trace.note(world.scheduler.now, "Swift copier \(number) \(cause)")
        generation += 1
        producer.stop()
        consumer.stop()
        let generation = generation
        world.scheduler.after(world.draw(10...1000) * 1_000_000) { [weak self] in
            guard let self, generation == self.generation else { return }
            begin()
        }
    }

    // MARK: Calls

    private func call(
        _ body: (inout ProducerCore, UInt64, ClientInstant) -> Void,
        then: @escaping (ClientError?) -> Void
    ) {
        let waiter = nextWaiter
        nextWaiter += 1
        calls[waiter] = then
        producer.enter { core, now in body(&core, waiter, now) }
    }

    private func take(_ output: ProducerCore.Output) {
        switch output {
        case .transaction(let waiter, let error), .resumed(let waiter, let error):
            calls.removeValue(forKey: waiter)?(error)
        // The commit tells.
        case .failed, .delivered, .flushed: break
        }
    }

    private func take(_ output: ConsumerCore.Output) {
        switch output {
        case .readable: copySoon()
        case .rebalance(let event, let ticket):
            world.trace.note(world.scheduler.now, "Swift copier \(number): \(event)")
            guard let ticket else { return }
            if isBusy { return tickets.append(ticket) }
            consumer.enter { $0.finishRebalance(ticket, now: $1) }
        default: break
        }
    }

    // MARK: Copying

    private func copySoon() {
        guard !isWaiting, !isBusy else { return }
        isWaiting = true
        let generation = generation
        world.scheduler.after(world.draw(0...50) * 1_000_000) { [weak self] in
            guard let self, generation == self.generation else { return }
            isWaiting = false
            copyNext()
        }
    }

    /// Copies the next chunk, in one transaction.
    private func copyNext() {
        consumer.takeErrors("Swift copier \(number)")
        guard let chunk = consumer.enter({ core, _ in core.takeChunk() }) else { return }
        var records: [ProducerRecord] = []
        var last: ConsumerBatch?
        var reader = ChunkReader(chunk, settings)
        do throws(ClientError) {
            while let batch = try reader.next() {
                last = batch
                for record in batch.records {
                    records.append(
                        ProducerRecord(
                            topic: copy, partition: record.partition, value: record.value))
                }
            }
        } catch {
            return world.violation("Swift copier \(number): \(error)")
        }
        let isCurrent = consumer.enter { core, _ in
            core.release(chunk)
            return core.isCurrent(chunk.partition, generation: chunk.generation)
        }
        guard isCurrent, let last else { return copySoon() }
        isBusy = true
        call {
            $0.beginTransaction(waiter: $1, now: $2)
        } then: { [unowned self] error in
            if let error { return restart("cannot begin: \(error)") }
            write(records[...], upTo: last)
        }
    }

    private func write(_ records: ArraySlice<ProducerRecord>, upTo last: ConsumerBatch) {
        var left = records
        while let record = left.first {
            let outcome = producer.enter { core, now in
                core.append(record, handler: nil, timestamp: world.wallMs, now: now)
            }
            switch outcome {
            case .appended: left.removeFirst()
            case .full, .topicUnknown:
                call { [copy] core, waiter, now in
                    if case .full = outcome {
                        core.waitForRoom(record, waiter: waiter, now: now)
                    } else {
                        core.waitForTopic(copy, waiter: waiter, now: now)
                    }
                } then: { [unowned self] error in
                    if let error { abort(error) } else { write(left, upTo: last) }
                }
                return
            case .refused(let error): return abort(error)
            }
        }
        commit(upTo: last)
    }

    private func commit(upTo last: ConsumerBatch) {
        let offset = CommittedOffset(last.nextOffset, leaderEpoch: last.leaderEpoch)
        guard let group = consumer.look({ $0.groupMetadata }) else { return }
        call { core, waiter, now in
            core.sendOffsets([last.partition: offset], of: group, waiter: waiter, now: now)
        } then: { [unowned self] error in
            if let error { return abort(error) }
            call {
                $0.endTransaction(commits: true, waiter: $1, now: $2)
            } then: {
                [unowned self] error in
                if let error { abort(error) } else { ended(last) }
            }
        }
    }

    private func ended(_ last: ConsumerBatch) {
        world.history.countOperation()
        world.trace.note(
            world.scheduler.now,
            "Swift copier \(number) has copied \(last.partition) up to \(last.nextOffset)")
        isBusy = false
        consumer.enter { core, now in
            core.consumed(
                last.partition, generation: last.generation, to: last.nextOffset,
                epoch: last.leaderEpoch)
            for ticket in tickets { core.finishRebalance(ticket, now: now) }
        }
        tickets = []
        copySoon()
    }

    /// Aborts what is open, and begins anew where the group has committed.
    private func abort(_ error: ClientError) {
        world.trace.note(world.scheduler.now, "Swift copier \(number) aborts: \(error)")
        guard producer.look({ $0.isInTransaction }) else { return restart("begins anew") }
        call {
            $0.endTransaction(commits: false, waiter: $1, now: $2)
        } then: {
            [unowned self] _ in
            restart("begins anew")
        }
    }
}
