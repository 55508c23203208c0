/// A path that is taken rarely, and that simulations must reach: else they prove nothing about it.
///
/// `sometimes(.tornTailCut)` stands where the path is. Counted in debug builds and in those with
/// the flag `PLANTED_BUGS`, for the simulation that runs (`simulate --marks`, `make marks`); in a
/// release build nothing of it is left.
@usableFromInline package enum Mark: String, CaseIterable, Sendable {
    // Logs
    /// A log is cut at an offset within it.
    case logTruncated = "log-truncated"
    /// Whole segments go with what is cut off.
    case truncationRemovesSegments = "truncation-removes-segments"
    /// The producers are read anew up to where a log was cut.
    case truncationRewindsProducers = "truncation-rewinds-producers"
    /// An epoch that no record was written in is forgotten at a log's end.
    case truncationForgetsEpoch = "truncation-forgets-epoch"
    /// A log drops everything and begins at another offset.
    case logBegunAnew = "log-begun-anew"
    /// Records are deleted on request, or by a leader that has deleted them.
    case recordsDeleted = "records-deleted"
    /// A segment ends in what is no whole or valid batch after a crash.
    case tornTailCut = "torn-tail-cut"
    /// A batch is damaged after a crash, or its checksum is wrong.
    case recoveryRefusesBatch = "recovery-refuses-batch"
    /// A restart finds a cleaned segment that was not finished.
    case cleanedFilesRemoved = "cleaned-files-removed"
    /// A restart puts a cleaned segment in its place.
    case swapFinished = "swap-finished"
    /// A restart finds files that were to be deleted.
    case deletedFilesRemoved = "deleted-files-removed"
    /// A restart finds a snapshot of producers that belongs to no segment.
    case strayProducerSnapshot = "stray-producer-snapshot"
    /// A new segment begins.
    case segmentRolled = "segment-rolled"
    /// Retention closes the newest segment to delete it.
    case retentionRollsSegment = "retention-rolls-segment"
    /// Retention deletes a segment.
    case retentionDeletes = "retention-deletes"
    /// A sync fails.
    case syncFailed = "sync-failed"
    /// An append fails after it has begun to write.
    case appendFailed = "append-failed"
    /// A batch comes again, and gets the answer of the first time.
    case duplicateBatch = "duplicate-batch"
    // Producers and transactions in logs
    /// A producer of an old epoch writes.
    case producerFenced = "producer-fenced"
    /// A batch comes before its predecessors.
    case sequenceGap = "sequence-gap"
    /// An aborted transaction is listed for its readers.
    case abortIndexed = "abort-indexed"
    // Compaction
    /// A tombstone that has been kept long enough goes.
    case tombstoneExpired = "tombstone-expired"
    /// A batch with tombstones gets the time until which they are kept.
    case deleteHorizonSet = "delete-horizon-set"
    /// A segment that is being cleaned is given up.
    case cleaningGivenUp = "cleaning-given-up"
    /// A cleaned segment takes the place of others.
    case segmentSwapped = "segment-swapped"
    // Moves between log directories
    /// A copy that has caught up gets its name.
    case movePlaced = "move-placed"
    /// A replica is in another log directory.
    case moveDone = "move-done"
    /// The directory that a replica moves to fails.
    case moveTargetFailed = "move-target-failed"
    // Replicas
    /// A follower waits until what it has is on disk before it fetches on.
    case followerAwaitsSync = "follower-awaits-sync"
    /// A new follower begins within a batch, at the leader's log start.
    case followerBeginsInBatch = "follower-begins-in-batch"
    /// A follower deletes what its leader has deleted.
    case followerLearnsStart = "follower-learns-start"
    /// A follower cuts where the epoch ends that it shares with its leader.
    case followerTruncatedByEpoch = "follower-truncated-by-epoch"
    /// An answer to a proposal comes when its epoch is over.
    case isrAnswerOfOldEpoch = "isr-answer-of-old-epoch"
    /// The controller refuses a proposal for good.
    case isrRefused = "isr-refused"
    /// A leader proposes that a follower joins the in-sync set.
    case isrExpanded = "isr-expanded"
    /// A leader proposes to go on without a follower.
    case isrShrunk = "isr-shrunk"
    /// A leader proposes to go on alone.
    case isrShrunkToOne = "isr-shrunk-to-one"
    /// A follower that was about to join the in-sync set does not.
    case joinerFallsBehind = "joiner-falls-behind"
    /// A leader becomes a follower.
    case leaderStepsDown = "leader-steps-down"
    /// A partition goes offline with its log directory.
    case partitionOffline = "partition-offline"
    /// The high watermark waits, for too few replicas are in sync (KIP-966).
    case highWatermarkHeldBack = "high-watermark-held-back"
    /// A fetch names an epoch that is over (KIP-320).
    case fetchOfOldEpoch = "fetch-of-old-epoch"
    /// A fetch names an epoch that the broker does not know yet.
    case fetchOfEpochToCome = "fetch-of-epoch-to-come"
    /// A leader tells a follower where their logs part.
    case divergenceTold = "divergence-told"
    /// A follower cannot fetch from its leader for a while.
    case fetcherRests = "fetcher-rests"
    /// A leader does not know a follower's fetch session any more.
    case fetchSessionLost = "fetch-session-lost"
    /// A follower's log ends outside of its leader's.
    case followerOutOfRange = "follower-out-of-range"
    /// A fetch is answered when the replica follows somebody else.
    case answerOfOldRole = "answer-of-old-role"
    /// A follower is to cut its log, and follows somebody else by then.
    case truncationObsolete = "truncation-obsolete"
    /// A checkpoint is lowered before a log is cut.
    case recoveryPointLowered = "recovery-point-lowered"
    /// A batch is refused, for too few replicas are in sync.
    case produceLacksReplicas = "produce-lacks-replicas"
    /// A batch is refused by a disk that fails.
    case produceMeetsBadDisk = "produce-meets-bad-disk"
    // The controller
    /// A broker is taken for gone.
    case brokerFenced = "broker-fenced"
    /// A broker may lead.
    case brokerUnfenced = "broker-unfenced"
    /// A broker hands over what it leads before it stops.
    case brokerStopping = "broker-stopping"
    /// A broker of an earlier registration sends a heartbeat.
    case staleHeartbeat = "stale-heartbeat"
    /// A broker tells that a log directory has failed.
    case directoryLost = "directory-lost"
    /// A broker registers while its earlier process may live.
    case registrationTooEarly = "registration-too-early"
    /// A broker comes back that may lack what it had (KIP-966).
    case uncleanRestart = "unclean-restart"
    /// A broker comes back that had stopped in order.
    case cleanRestart = "clean-restart"
    /// A broker comes back that had stopped in order and not heard of its last registration.
    case registrationUnheard = "registration-unheard"
    /// A log is made whose name the checkpoints of its directory have already.
    case checkpointForgets = "checkpoint-forgets"
    /// All new replicas are in sync, and the old ones go.
    case reassignmentCompleted = "reassignment-completed"
    /// A reassignment is given up.
    case reassignmentCancelled = "reassignment-cancelled"
    /// A partition gets a new plan while it moves.
    case reassignmentReplaced = "reassignment-replaced"
    /// A replica leads that is out of the in-sync set, and eligible (KIP-966).
    case eligibleLeaderElected = "eligible-leader-elected"
    /// A replica is noted that has all that is committed, though it is not in sync.
    case eligibleLeadersKept = "eligible-leaders-kept"
    /// A partition has nobody to lead it.
    case partitionLeaderless = "partition-leaderless"
    /// A partition goes back to its preferred leader.
    case preferredLeaderElected = "preferred-leader-elected"
    /// An epoch ends because replicas have gone.
    case leaderEpochBumped = "leader-epoch-bumped"
    /// A leader wants a broker in sync that is fenced, or another process by now.
    case isrWithAbsentBroker = "isr-with-absent-broker"
    /// A leader of an earlier epoch proposes an in-sync set.
    case isrOfOldLeader = "isr-of-old-leader"
    /// An in-sync set is proposed that older metadata led to (KIP-497).
    case isrOfOldMetadata = "isr-of-old-metadata"
    /// An in-sync set that is taken brings another leader.
    case isrEndsLeadership = "isr-ends-leadership"
    /// A broker tells which log directory a replica is in.
    case replicaDirectoryTold = "replica-directory-told"
    // The broker's part in the cluster
    /// A log directory is taken offline.
    case directoryFails = "directory-fails"
    /// The log directory with the metadata fails, and the node ends.
    case metadataDirectoryFails = "metadata-directory-fails"
    /// A broker's registration is refused, and tried again.
    case registrationRetried = "registration-retried"
    /// The controller refuses a broker's heartbeat.
    case heartbeatRefused = "heartbeat-refused"
    /// The controller cannot be asked for in-sync sets.
    case proposalsPutBack = "proposals-put-back"
    /// A controller that leads no more refuses what waits for the commit.
    case answerLostWithLeadership = "answer-lost-with-leadership"
    /// A request waits until there is a controller again.
    case controllerAwaited = "controller-awaited"
    /// A request comes to a controller that leads no more.
    case forwardedToFormer = "forwarded-to-former"
    /// A connection to another node is lost.
    case peerLost = "peer-lost"
    /// Requests are lost with a connection to another node.
    case peerLostWithRequests = "peer-lost-with-requests"
    /// Another node does not answer in time.
    case peerAnswersLate = "peer-answers-late"
    /// A request to another node is not sent in its time.
    case peerRequestExpires = "peer-request-expires"
    // The metadata quorum: elections
    /// A vote is asked for in an epoch that is over.
    case voteOfOldEpoch = "vote-of-old-epoch"
    /// A voter is asked for its vote that has lost its disk since.
    case voteForLostDisk = "vote-for-lost-disk"
    /// A candidate has less than who is asked.
    case candidateLacksRecords = "candidate-lacks-records"
    /// A voter that hears of its leader refuses a pre-vote.
    case preVoteRefused = "pre-vote-refused"
    /// A voter is asked again that has voted in the epoch.
    case voteAskedTwice = "vote-asked-twice"
    /// A voter votes for another.
    case voteGranted = "vote-granted"
    /// The first successor that a leader names stands for election at once.
    case successorStands = "successor-stands"
    /// A follower hears nothing of its leader.
    case followerLosesLeader = "follower-loses-leader"
    /// A follower's connection to its leader breaks.
    case leaderConnectionLost = "leader-connection-lost"
    /// A follower that has lost a pre-election follows its leader again.
    case leadershipResumed = "leadership-resumed"
    /// A candidate gets no majority in its time.
    case candidateTimesOut = "candidate-times-out"
    /// A candidate gets a majority.
    case candidateElected = "candidate-elected"
    /// A leader resigns that no majority fetches from.
    case leaderLosesMajority = "leader-loses-majority"
    /// A leader tells a voter of itself that does not fetch.
    case leaderAnnouncesItself = "leader-announces-itself"
    /// A leader starts anew, and may not lead its epoch again.
    case restartedAsLeader = "restarted-as-leader"
    /// Nobody has taken over from a leader that resigned.
    case resignedLeaderMovesOn = "resigned-leader-moves-on"
    // The metadata quorum: its log
    /// A follower of an earlier epoch fetches metadata.
    case quorumFetchOfOldEpoch = "quorum-fetch-of-old-epoch"
    /// A follower fetches metadata in an epoch that is not known here yet.
    case quorumFetchOfEpochToCome = "quorum-fetch-of-epoch-to-come"
    /// A leader tells where a follower's metadata log parts from its own.
    case quorumDivergenceTold = "quorum-divergence-told"
    /// A follower is told to fetch a snapshot.
    case snapshotOffered = "snapshot-offered"
    /// A member cuts off metadata that were never committed.
    case metadataCut = "metadata-cut"
    /// A member begins to fetch a snapshot.
    case snapshotFetched = "snapshot-fetched"
    /// A fetched snapshot takes the place of the metadata log.
    case snapshotInstalled = "snapshot-installed"
    /// Old snapshots and the metadata log before them are deleted.
    case metadataLogCleaned = "metadata-log-cleaned"
    // The metadata quorum: voters
    /// A leader asks whether a new voter can vote.
    case voterAdditionBegun = "voter-addition-begun"
    /// A voter is to go.
    case voterRemovalBegun = "voter-removal-begun"
    /// A leader is to vote no more.
    case leaderRemoved = "leader-removed"
    /// A leader resigns, for its removal is committed.
    case removedLeaderResigns = "removed-leader-resigns"
    /// Voters are to change while they change.
    case voterChangeUnderWay = "voter-change-under-way"
    /// A new voter does not have the log yet.
    case newVoterLags = "new-voter-lags"
    /// A new voter does not answer.
    case newVoterSilent = "new-voter-silent"
    /// A change of the voters is committed.
    case voterChangeCommitted = "voter-change-committed"
    /// A change of the voters is not committed in time.
    case voterChangeExpired = "voter-change-expired"
    /// A controller without its disk takes out the voter that it was (KIP-1186).
    case formerSelfRemoved = "former-self-removed"
    /// A controller becomes a voter by itself (KIP-1186).
    case controllerJoinsVoters = "controller-joins-voters"
    // Transactions
    /// A transaction is to end that is ending.
    case endOfCompleting = "end-of-completing"
    /// The end of an earlier epoch's transaction comes late (KIP-890).
    case lateEndRefused = "late-end-refused"
    /// The end of a transaction is asked for again that has ended.
    case endRepeated = "end-repeated"
    /// A transaction is aborted for a new instance of its producer.
    case transactionFenced = "transaction-fenced"
    /// A transaction is aborted that was left open.
    case transactionTimedOut = "transaction-timed-out"
    /// Markers could not be written, and are sent again.
    case markersSentAgain = "markers-sent-again"
    /// Markers are written for a transaction that is over.
    case markerResultOfOldOrder = "marker-result-of-old-order"
    /// A producer begins anew while its last transaction ends.
    case initOfCompleting = "init-of-completing"
    /// An operation waits for a producer id.
    case producerIDAwaited = "producer-idawaited"
    /// A partition joins a transaction once the one before has ended.
    case partitionJoinRetried = "partition-join-retried"
    // Coordinators and groups
    /// A coordinator that is replaced refuses what waits for the commit.
    case coordinatorLosesAnswers = "coordinator-loses-answers"
    /// A coordinator's partition takes no records.
    case coordinatorCannotAppend = "coordinator-cannot-append"
    /// A member of a consumer group is put out that was not heard of.
    case memberExpired = "member-expired"
    /// The last member of a consumer group goes.
    case groupEmptied = "group-emptied"
    /// A member is asked to give partitions up.
    case partitionsRevoked = "partitions-revoked"
    /// A member waits for a partition that another one still has.
    case partitionAwaited = "partition-awaited"
    /// A heartbeat comes with an epoch that is not the member's.
    case memberEpochFenced = "member-epoch-fenced"
    /// A heartbeat comes again whose answer was lost.
    case heartbeatRepeated = "heartbeat-repeated"
    /// A heartbeat comes of a member that is not there.
    case heartbeatOfStranger = "heartbeat-of-stranger"
    /// A member commits offsets with an epoch that is over.
    case commitOfStaleMember = "commit-of-stale-member"

    #if DEBUG || PLANTED_BUGS
        /// What the simulation at hand has reached.
        @TaskLocal package static var counts: MarkCounts?

        @usableFromInline static var isCounted: Bool { counts != nil }
        @usableFromInline func note() { Self.counts?.note(self) }
    #endif
}

/// How often each mark was reached, in one simulation.
package final class MarkCounts: @unchecked Sendable {
    // Sendable: a simulation has one thread, and nobody else has its counts before it ends.
    package private(set) var reached: [Mark: Int] = [:]

    package init() {}

    package func note(_ mark: Mark) { reached[mark, default: 0] += 1 }
}

/// Notes that a rare path is taken.
@inlinable package func sometimes(_ mark: Mark) {
    #if DEBUG || PLANTED_BUGS
        mark.note()
    #endif
}

/// The same where it is rare that `condition` holds; it is evaluated where marks are counted only.
@inlinable package func sometimes(_ mark: Mark, when condition: @autoclosure () -> Bool) {
    #if DEBUG || PLANTED_BUGS
        if Mark.isCounted, condition() { mark.note() }
    #endif
}
