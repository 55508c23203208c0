import ClusterController
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum

/// What becomes of a node whose disks fail.
extension NodeController {
    /// Serves no more from a directory that answered with an error. The node ends when it was the
    /// one of the metadata log, or the last.
    public func fail(directory: String, reason: String) {
        takeOffline(directory, reason: reason)
        settle()
    }

    /// The same, in the middle of something.
    func takeOffline(_ directory: String, reason: String) {
        let id = directories.all.first { $0.path == directory }?.id
        guard directories.fail(directory, reason: reason) else { return }
        sometimes(.directoryFails)
        surroundings.report("log directory \(directory) is taken offline: \(reason)")
        effects.wakes += table.fail(directory: directory, reason: reason)
        effects.wakes += directories.moves.directoryFailed(
            directory, durability: options.durability)
        publish()
        if directory == options.metadataDirectory { return metadataFailed(reason) }
        if directories.online.isEmpty {
            return end("all log directories have failed, \(directory) last: \(reason)")
        }
        if let id { duties.noteLoss(of: id) }
    }

    /// Without its metadata log a node cannot go on.
    func metadataFailed(_ reason: String) {
        sometimes(.metadataDirectoryFails)
        _ = directories.fail(options.metadataDirectory, reason: reason)
        effects.wakes += table.fail(directory: options.metadataDirectory, reason: reason)
        end("the directory of the metadata log, \(options.metadataDirectory), failed: \(reason)")
    }

    /// The node cannot go on: all that wait for the controller learn it.
    func end(_ reason: String) {
        guard failure == nil else { return }
        failure = reason
        effects.failure = reason
        for (sink, message) in active?.resign(.kafkaStorageError) ?? [] {
            deliver(message, to: sink)
        }
        active = nil
        while !ownAnswers.isEmpty { ownAnswers.removeFirst()() }
        refuseProducerIDs(.coordinatorNotAvailable)
        publish()
    }

    /// Keeps new partitions out of the directories that `cordoned.log.dirs` names (KIP-1066).
    func cordonDirectories() {
        let value = controller.effectiveBrokerConfig("cordoned.log.dirs") ?? ""
        let paths = value.split(separator: ",").map { String($0.drop { $0 == " " }) }
        let wanted = Set(paths.contains("*") ? directories.all.map(\.path) : paths)
        guard Set(directories.all.filter(\.isCordoned).map(\.path)) != wanted else { return }
        directories.cordon(wanted)
        duties.noteCordons()
    }
}

extension QuorumError {
    /// Whether the disk is to blame, and not the record that was to be written.
    var isOfDisk: Bool {
        switch self {
        case .io, .log, .append, .corrupt: true
        case .encode, .batch, .notLeader, .lastEpoch: false
        }
    }
}
