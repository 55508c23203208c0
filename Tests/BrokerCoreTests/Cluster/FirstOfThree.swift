import KafkaWire
import MetadataQuorum

extension QuorumSettings {
    /// Those of the first of three fixed voters, which finds none of the others.
    static var firstOfThree: QuorumSettings {
        let voters = (1...3).map { id in
            Voter(
                key: MemberKey(BrokerID(Int32(id))),
                listeners: [
                    QuorumListener(
                        name: "CONTROLLER",
                        endpoint: QuorumEndpoint(host: "node-\(id)", port: 9093))
                ])
        }
        return QuorumSettings(
            staticVoters: VoterSet(voters), listeners: voters[0].listeners,
            listenerName: "CONTROLLER", mayVote: true)
    }
}
