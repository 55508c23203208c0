import MartletClient

/// What `transactions list`, `describe` and `describe-producers` print.
enum TransactionReports {
    static func list(
        olderThan age: Duration?, _ options: ParsedOptions, _ cluster: AdminSession,
        _ console: Console
    ) throws {
        let pattern = options.value("--transactional-id-pattern")
        let found = try TransactionsTool.reporting("Failed to list transactions") {
            try cluster.ask { try await $0.listTransactions(olderThan: age, matching: pattern) }
        }
        let header = ["TransactionalId", "Coordinator", "ProducerId", "TransactionState"]
        let rows = found.map {
            [$0.transactionalID, "\($0.coordinator)", "\($0.producerID)", $0.state]
        }
        let documents = found.map { transaction in
            JSON.object([
                ("transactionalId", .string(transaction.transactionalID)),
                ("coordinator", .integer(Int64(transaction.coordinator.rawValue))),
                ("producerId", .integer(transaction.producerID.rawValue)),
                ("state", .string(transaction.state)),
            ])
        }
        show(header, rows, documents, options, console)
    }

    static func describe(
        _ id: String, _ options: ParsedOptions, _ cluster: AdminSession, _ console: Console
    ) throws {
        let what = "Failed to describe transaction state of transactional-id `\(id)`"
        let found = try TransactionsTool.reporting(what) {
            try cluster.ask { try await $0.describeTransactions([id]) }[id]?.get()
        }
        guard let found else { return }
        let header = [
            "CoordinatorId", "TransactionalId", "ProducerId", "ProducerEpoch", "TransactionState",
            "TransactionTimeoutMs", "CurrentTransactionStartTimeMs", "TransactionDurationMs",
            "TopicPartitions",
        ]
        let duration = found.startTime.map { Clocks.wall - $0 }
        let row = [
            "\(found.coordinator)", id, "\(found.producerID)", "\(found.producerEpoch)",
            found.state, "\(found.timeout.wholeMilliseconds)",
            found.startTime.map(String.init) ?? "None", duration.map(String.init) ?? "None",
            found.partitions.map(\.description).joined(separator: ","),
        ]
        let document = JSON.object([
            ("transactionalId", .string(id)),
            ("coordinator", .integer(Int64(found.coordinator.rawValue))),
            ("producerId", .integer(found.producerID.rawValue)),
            ("producerEpoch", .integer(Int64(found.producerEpoch))),
            ("state", .string(found.state)),
            ("timeoutMs", .integer(Int64(found.timeout.wholeMilliseconds))),
            ("startTimeMs", .optional(found.startTime)), ("durationMs", .optional(duration)),
            ("partitions", .array(found.partitions.map { .string($0.description) })),
        ])
        show(header, [row], [document], options, console)
    }

    static func producers(
        of partition: TopicPartition, at broker: BrokerID?, _ options: ParsedOptions,
        _ cluster: AdminSession, _ console: Console
    ) throws {
        let place = broker.map { "broker \($0)" } ?? "leader"
        let what = "Failed to describe producers for partition \(partition) on \(place)"
        let producers = try TransactionsTool.reporting(what) {
            try cluster.ask { try await $0.describeProducers([partition], at: broker) }[partition]?
                .get() ?? []
        }
        let header = [
            "ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence",
            "LastTimestamp", "CurrentTransactionStartOffset",
        ]
        let rows = producers.map { producer in
            [
                "\(producer.producerID)", "\(producer.epoch)", "\(producer.coordinatorEpoch)",
                "\(producer.lastSequence)", "\(producer.lastTimestamp)",
                producer.transactionStart.map(\.description) ?? "None",
            ]
        }
        let documents = producers.map { producer in
            JSON.object([
                ("producerId", .integer(producer.producerID.rawValue)),
                ("producerEpoch", .integer(Int64(producer.epoch))),
                ("coordinatorEpoch", .optional(producer.knownCoordinatorEpoch)),
                ("lastSequence", .integer(Int64(producer.lastSequence))),
                ("lastTimestamp", .integer(producer.lastTimestamp)),
                ("transactionStartOffset", .optional(producer.transactionStart?.rawValue)),
            ])
        }
        show(header, rows, documents, options, console)
    }

    /// Prints a table or, with `--json`, an array of documents.
    static func show(
        _ header: [String], _ rows: [[String]], _ documents: [JSON], _ options: ParsedOptions,
        _ console: Console
    ) {
        if options.has("--json") {
            console.print(JSON.array(documents).text)
        } else {
            console.write(TextColumns.table(header, rows))
        }
    }
}

extension ActiveProducer {
    /// Of the last marker; `nil` when there was none.
    var knownCoordinatorEpoch: Int32? { coordinatorEpoch < 0 ? nil : coordinatorEpoch }
}
