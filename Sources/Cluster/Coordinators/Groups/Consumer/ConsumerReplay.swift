import KafkaProtocol

extension GroupMachine {
    /// Takes over a record of a consumer group.
    func replayConsumer(_ record: GroupRecord) {}
}
