import ClusterController
import Coordinators
import KafkaProtocol
import KafkaWire
import LogStorage
import MetadataQuorum
import Replication

/// How a node follows the metadata quorum: what is committed, who leads.
extension NodeController {
    var quorumTime: QuorumTime { clock().quorumTime }
    /// How long no snapshot is tried after one that could not be written.
    private static var snapshotPauseMs: Int64 { 60_000 }

    /// Takes in one step of what the quorum did; `false` when there is none.
    func followQuorum() -> Bool {
        for effect in quorum.takeEffects() { quorumEffects.append(effect) }
        if !quorumEffects.isEmpty {
            take(quorumEffects.removeFirst())
            return true
        }
        if let (sink, message) = active?.nextAnswer(at: quorum.highWatermark) {
            deliver(message, to: sink)
            return true
        }
        return false
    }

    private func take(_ effect: QuorumEffect) {
        switch effect {
        case .committed(let batches): take(batches)
        case .installed(let id, let contents): install(contents, upTo: id.endOffset)
        case .leadership(let leader, let epoch, _): leadershipMoved(to: leader, epoch)
        case .send(let request): send(request)
        case .answer(let ticket, let message):
            if let waiting = quorumTickets.removeValue(forKey: ticket) {
                complete(waiting, message)
            }
        case .report(let text):
            // Of a quorum of one there is nothing to tell.
            if quorum.voters.count > 1 { surroundings.note("metadata quorum: \(text)") }
        case .failed(let reason): metadataFailed(reason)
        }
    }

    // MARK: What is committed

    /// Applies committed batches, all at once where they are not this controller's own.
    private func take(_ batches: [MetadataBatch]) {
        var run = openTransaction ?? MetadataRun(controller.image)
        openTransaction = nil
        for batch in batches {
            let change = active?.takeChange(endingAt: batch.lastOffset)
            if let change, !run.image.isInTransaction, !change.image.isInTransaction {
                adopt(run, upTo: batch.baseOffset)
                run = MetadataRun(change.image, delta: change.delta)
                adopt(run, upTo: batch.lastOffset + 1)
                run = MetadataRun(change.image)
                continue
            }
            do throws(ReplayError) {
                for record in batch.records { try run.image.replay(record, noting: &run.delta) }
            } catch {
                return end(
                    "the metadata log contradicts itself at offset \(batch.baseOffset): \(error)")
            }
        }
        guard let last = batches.last else { return }
        if run.image.isInTransaction {
            // Nobody may see a transaction before its end.
            openTransaction = run
        } else {
            adopt(run, upTo: last.lastOffset + 1)
            snapshotIfDue()
        }
    }

    /// Makes an image the committed one.
    private func adopt(_ run: MetadataRun, upTo end: Offset) {
        let before = controller.image
        controller.image = run.image
        committedEnd = max(committedEnd, end)
        if run.delta.features || !run.delta.configs.isEmpty { settingsChanged() }
        if shownKRaftVersion != quorum.committedKRaftVersion {
            shownKRaftVersion = quorum.committedKRaftVersion
            publish()
        }
        guard !run.delta.isEmpty else { return }
        lingering.note(
            run.delta.brokers, before: before, after: controller.image, now: clock().monotonicMs)
        apply(run.delta, since: before)
        noteLeaving(run.delta)
    }

    /// A snapshot takes the place of all that was known.
    private func install(_ contents: SnapshotContents, upTo end: Offset) {
        var image = MetadataImage.empty
        do throws(ReplayError) {
            try image.replay(contents.records)
        } catch {
            return self.end("the metadata snapshot at offset \(end) contradicts itself: \(error)")
        }
        openTransaction = nil
        let delta = MetadataDelta(from: controller.image, to: image)
        committedEnd = end
        topicChanges = GroupTopicChanges(since: end.rawValue - 1)
        lastSnapshotMs = clock().monotonicMs
        adopt(MetadataRun(image, delta: delta), upTo: end)
    }

    /// Takes a snapshot of what is committed once the log has grown by as much as is allowed, or
    /// for as long.
    private func snapshotIfDue() {
        let now = quorumTime
        let isOld = options.snapshotMs > 0 && now.monotonic >= lastSnapshotMs + options.snapshotMs
        guard isOld || quorum.bytesSinceSnapshot >= options.snapshotBytes,
            now.monotonic >= snapshotRetryMs, !isWritingSnapshot,
            let draft = quorum.draftSnapshot(upTo: committedEnd, now: now)
        else { return }
        isWritingSnapshot = true
        let work = DiskJob.Work.snapshot(draft, controller.image)
        if controller.image.topics.partitionCount <= promptSnapshotPartitions {
            runNow(work)
        } else {
            effects.jobs.append(job(work))
        }
    }

    /// Takes over a snapshot that was written, or could not be.
    func snapshotEnded(_ draft: SnapshotDraft, _ error: QuorumError?) {
        isWritingSnapshot = false
        let now = quorumTime
        do throws(QuorumError) {
            if let error { throw error }
            try quorum.adopt(draft, now: now)
            lastSnapshotMs = now.monotonic
        } catch {
            // Records come all the time; a full disk stays full for a while.
            snapshotRetryMs = now.monotonic + Self.snapshotPauseMs
            surroundings.report("no metadata snapshot could be written: \(error)")
        }
    }

    // MARK: Who leads

    private func leadershipMoved(to leader: BrokerID?, _ epoch: LeaderEpoch) {
        let isSelf = leader == options.nodeID
        if let active, !isSelf || active.epoch != epoch {
            for (sink, message) in active.resign(.notController) {
                refuse(sink, .notController, message)
            }
            self.active = nil
        }
        if isSelf, active == nil { activate() }
        lastLeader = leader ?? lastLeader
        // The new one hears of this node at once.
        let now = clock().monotonicMs
        lifecycle.nextAttempt = min(lifecycle.nextAttempt, now)
        duties.nextAttempt = min(duties.nextAttempt, now)
        registration.nextAttempt = min(registration.nextAttempt, now)
        publish()
    }

    /// This node leads the quorum, and has applied all that came before: it decides from here on.
    private func activate() {
        let active = ActiveController(
            committed: controller, quorum: quorum, random: SplitMix64(seed: random.next()),
            restarted: lifecycle.epoch < 0 ? options.nodeID.rawValue : nil, clock: clock,
            report: surroundings.report)
        self.active = active
        // What cannot be written shows as the controller's fault.
        _ = active.write(openingRecords())
        if let previous = lastLeader, previous != options.nodeID {
            active.suspect(previous.rawValue)
        }
    }

    /// What a new active controller writes first.
    private func openingRecords() -> [MetadataRecord] {
        guard controller.image.features.metadataVersion == nil else {
            return BootstrapRecords.activation(of: openTransaction?.image ?? controller.image)
        }
        let minimum = controller.settings.staticConfigs["min.insync.replicas"] ?? "1"
        return BootstrapRecords.activation(of: bootstrap, minInSyncReplicas: minimum)
    }

    /// The active controller as far as this node knows.
    var controllerLocation: ControllerLocation {
        if active != nil { return .here }
        guard let leader = quorum.leaderAndEpoch.leader, leader != options.nodeID,
            let endpoint = quorum.endpoint(of: leader)
        else { return .unknown }
        return .at(leader, PeerEndpoint(host: endpoint.host, port: endpoint.port))
    }

    /// What this node must keep as a member of the metadata quorum.
    package var quorumPromises: QuorumPromises { quorum.promises }

    /// The voters of the metadata quorum as this node's log has them, committed or not.
    package var quorumVoters: VoterSet { quorum.voters }

    /// Whether there is a controller to ask.
    var knowsController: Bool { controllerLocation != .unknown }
}

/// The image after a run of records, and what the run changed.
struct MetadataRun {
    var image: MetadataImage
    var delta: MetadataDelta

    init(_ image: MetadataImage, delta: MetadataDelta = MetadataDelta()) {
        self.image = image
        self.delta = delta
    }
}

/// Where the active controller is.
public enum ControllerLocation: Equatable, Sendable {
    /// In this process.
    case here
    case at(BrokerID, PeerEndpoint)
    /// There is none, or it is not known yet.
    case unknown
}
