import ClusterController
import KafkaProtocol
import KafkaWire
import MetadataQuorum

/// What a member of the metadata quorum keeps on disk, and the image made of it.
let quorumTargets = [
    FuzzTarget("quorum-state", fuzzQuorumState), FuzzTarget("snapshot", fuzzSnapshot),
    FuzzTarget("metadata-image", fuzzImage),
]

private func fuzzQuorumState(_ bytes: RawSpan) {
    let text = String(decoding: bytes.toArray(), as: UTF8.self)
    guard let state = QuorumState(text: text) else { return }
    guard let again = QuorumState(text: state.text) else {
        return require(false, "a quorum state does not read what it wrote: \(state.text)")
    }
    require(again.text == state.text, "a quorum state changes: \(state.text)")
    require(again.leaderEpoch == state.leaderEpoch, "an epoch changes: \(state.text)")
    require(again.votedID == state.votedID, "a vote changes: \(state.text)")
}

/// The first byte chooses whether checksums are made right.
private func fuzzSnapshot(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    let isRepaired = input.byte() & 1 == 1
    var file = input.rest()
    if isRepaired { repairBatches(&file) }
    guard let contents = try? SnapshotContents(decoding: file, path: "file") else { return }
    let written = try? contents.encoded(epoch: LeaderEpoch(1), now: 0) {
        $0.validVersions.upperBound
    }
    if let written {
        let again = try? SnapshotContents(decoding: written, path: "file")
        require(again?.records.count == contents.records.count, "a snapshot loses records")
    }
    apply(contents.records)
}

/// Records, a piece each, from the first to the last.
private func fuzzImage(_ bytes: RawSpan) {
    var input = FuzzInput(bytes)
    var records: [MetadataRecord] = []
    while !input.isAtEnd, records.count < 64 {
        if let record = try? MetadataRecord(decoding: input.piece()) { records.append(record) }
    }
    apply(records)
}

/// An image's snapshot makes an image with the same snapshot.
private func apply(_ records: [MetadataRecord]) {
    var image = MetadataImage.empty
    for record in records {
        let before = image
        var delta = MetadataDelta()
        guard (try? image.replay(record, noting: &delta)) == nil else { continue }
        require(image == before, "a record that was refused changed the image: \(record)")
    }
    let committed = image.committed
    let snapshot = committed.snapshotRecords()
    var again = MetadataImage.empty
    guard (try? again.replay(snapshot)) != nil else {
        return require(false, "the snapshot of an image cannot be replayed: \(snapshot)")
    }
    require(again.snapshotRecords() == snapshot, "a snapshot changes: \(snapshot)")
}
