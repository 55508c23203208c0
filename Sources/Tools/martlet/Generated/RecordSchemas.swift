// Generated from Schemas/ by the test RecordSchemasTests (REWRITE=1): do not edit.
// swift-format-ignore-file

/// The record types that `dump-log` prints, in the notation of `Schemas/`.
enum RecordSchemas {
    static let text = #"""
        data ConsumerProtocolAssignment versions 0-3 {
            assignedPartitions: []TopicPartition {
                topic: string key
                partitions: []int32
            }
            userData: bytes? default null
        }
        data ConsumerProtocolSubscription versions 0-3 {
            topics: []string
            userData: bytes? default null
            ownedPartitions: []TopicPartition 1+ ignorable {
                topic: string key
                partitions: []int32
            }
            generationID: int32 2+ default -1 ignorable
            rackID: string? 3+ default null ignorable
        }
        data ControlRecordTypeSchema versions 0 {
            type: int16
        }
        data EndTxnMarker versions 0 {
            coordinatorEpoch: int32
        }
        data KRaftVersionRecord versions 0 flexible 0+ {
            version: int16
            kRaftVersion: int16
        }
        data LeaderChangeMessage versions 0-1 flexible 0+ {
            version: int16
            leaderID: int32
            voters: []Voter
            grantingVoters: []Voter
            struct Voter {
                voterID: int32
                voterDirectoryID: uuid 1+
            }
        }
        data SnapshotFooterRecord versions 0 flexible 0+ {
            version: int16
        }
        data SnapshotHeaderRecord versions 0 flexible 0+ {
            version: int16
            lastContainedLogTimestamp: int64
        }
        data VotersRecord versions 0 flexible 0+ {
            version: int16
            voters: []Voter {
                voterID: int32
                voterDirectoryID: uuid
                endpoints: []Endpoint {
                    name: string key
                    host: string
                    port: uint16
                }
                kRaftVersionFeature: KRaftVersionFeature {
                    minSupportedVersion: int16
                    maxSupportedVersion: int16
                }
            }
        }
        key 8 ConsumerGroupCurrentMemberAssignmentKey versions 0 {
            groupID: string
            memberID: string
        }
        value 8 ConsumerGroupCurrentMemberAssignmentValue versions 0 flexible 0+ {
            memberEpoch: int32
            previousMemberEpoch: int32
            state: int8
            assignedPartitions: []TopicPartitions
            partitionsPendingRevocation: []TopicPartitions
            struct TopicPartitions {
                topicID: uuid
                partitions: []int32
                assignmentEpochs: []int32? tag 0
            }
        }
        key 5 ConsumerGroupMemberMetadataKey versions 0 {
            groupID: string
            memberID: string
        }
        value 5 ConsumerGroupMemberMetadataValue versions 0 flexible 0+ {
            instanceID: string?
            rackID: string?
            clientID: string
            clientHost: string
            subscribedTopicNames: []string
            subscribedTopicRegex: string?
            rebalanceTimeoutMs: int32 default -1
            serverAssignor: string?
            classicMemberMetadata: ClassicMemberMetadata? tag 0 {
                sessionTimeoutMs: int32
                supportedProtocols: []ClassicProtocol {
                    name: string
                    metadata: bytes
                }
            }
        }
        key 3 ConsumerGroupMetadataKey versions 0 {
            groupID: string
        }
        value 3 ConsumerGroupMetadataValue versions 0 flexible 0+ {
            epoch: int32
            metadataHash: int64 tag 0
        }
        key 4 ConsumerGroupPartitionMetadataKey versions 0 {
            groupID: string
        }
        value 4 ConsumerGroupPartitionMetadataValue versions 0 flexible 0+ {
            topics: []TopicMetadata {
                topicID: uuid
                topicName: string
                numPartitions: int32
                partitionMetadata: []PartitionMetadata {
                    partition: int32
                    racks: []string
                }
            }
        }
        key 16 ConsumerGroupRegularExpressionKey versions 0 {
            groupID: string
            regularExpression: string
        }
        value 16 ConsumerGroupRegularExpressionValue versions 0 flexible 0+ {
            topics: []string
            version: int64
            timestamp: int64
        }
        key 7 ConsumerGroupTargetAssignmentMemberKey versions 0 {
            groupID: string
            memberID: string
        }
        value 7 ConsumerGroupTargetAssignmentMemberValue versions 0 flexible 0+ {
            topicPartitions: []TopicPartition {
                topicID: uuid
                partitions: []int32
            }
        }
        key 6 ConsumerGroupTargetAssignmentMetadataKey versions 0 {
            groupID: string
        }
        value 6 ConsumerGroupTargetAssignmentMetadataValue versions 0 flexible 0+ {
            assignmentEpoch: int32
            assignmentTimestamp: int64 tag 0 ignorable
        }
        key 2 GroupMetadataKey versions 0 {
            group: string
        }
        value 2 GroupMetadataValue versions 0-4 flexible 4+ {
            protocolType: string
            generation: int32
            protocol: string?
            leader: string?
            currentStateTimestamp: int64 2+ default -1 ignorable
            members: []MemberMetadata
            struct MemberMetadata {
                memberID: string
                groupInstanceID: string? 3+ default null ignorable
                clientID: string
                clientHost: string
                rebalanceTimeout: int32 1+ default -1 ignorable
                sessionTimeout: int32
                subscription: bytes
                assignment: bytes
            }
        }
        key 0 LegacyOffsetCommitKey versions 0 {
            group: string
            topic: string
            partition: int32
        }
        value 0 LegacyOffsetCommitValue versions 0 {
            offset: int64
            metadata: string
            commitTimestamp: int64
        }
        key 1 OffsetCommitKey versions 0 {
            group: string
            topic: string
            partition: int32
        }
        value 1 OffsetCommitValue versions 0-4 flexible 4+ {
            offset: int64
            leaderEpoch: int32 3+ default -1 ignorable
            metadata: string
            commitTimestamp: int64
            expireTimestamp: int64 1 default -1 ignorable
            topicID: uuid 4+ tag 0 ignorable
        }
        key 14 ShareGroupCurrentMemberAssignmentKey versions 0 {
            groupID: string
            memberID: string
        }
        value 14 ShareGroupCurrentMemberAssignmentValue versions 0 flexible 0+ {
            memberEpoch: int32
            previousMemberEpoch: int32
            state: int8
            assignedPartitions: []TopicPartitions
            struct TopicPartitions {
                topicID: uuid
                partitions: []int32
            }
        }
        key 10 ShareGroupMemberMetadataKey versions 0 {
            groupID: string
            memberID: string
        }
        value 10 ShareGroupMemberMetadataValue versions 0 flexible 0+ {
            rackID: string?
            clientID: string
            clientHost: string
            subscribedTopicNames: []string
        }
        key 11 ShareGroupMetadataKey versions 0 {
            groupID: string
        }
        value 11 ShareGroupMetadataValue versions 0 flexible 0+ {
            epoch: int32
            metadataHash: int64
        }
        key 15 ShareGroupStatePartitionMetadataKey versions 0 {
            groupID: string
        }
        value 15 ShareGroupStatePartitionMetadataValue versions 0 flexible 0+ {
            initializingTopics: []TopicPartitionsInfo
            initializedTopics: []TopicPartitionsInfo
            deletingTopics: []TopicInfo
            struct TopicPartitionsInfo {
                topicID: uuid
                topicName: string
                partitions: []int32
            }
            struct TopicInfo {
                topicID: uuid
                topicName: string
            }
        }
        key 13 ShareGroupTargetAssignmentMemberKey versions 0 {
            groupID: string
            memberID: string
        }
        value 13 ShareGroupTargetAssignmentMemberValue versions 0 flexible 0+ {
            topicPartitions: []TopicPartition {
                topicID: uuid
                partitions: []int32
            }
        }
        key 12 ShareGroupTargetAssignmentMetadataKey versions 0 {
            groupID: string
        }
        value 12 ShareGroupTargetAssignmentMetadataValue versions 0 flexible 0+ {
            assignmentEpoch: int32
            assignmentTimestamp: int64 tag 0 ignorable
        }
        key 22 StreamsGroupCurrentMemberAssignmentKey versions 0 {
            groupID: string
            memberID: string
        }
        value 22 StreamsGroupCurrentMemberAssignmentValue versions 0 flexible 0+ {
            memberEpoch: int32
            previousMemberEpoch: int32
            state: int8
            activeTasks: []TaskIDs
            standbyTasks: []TaskIDs
            warmupTasks: []TaskIDs
            activeTasksPendingRevocation: []TaskIDs
            standbyTasksPendingRevocation: []TaskIDs
            warmupTasksPendingRevocation: []TaskIDs
            struct TaskIDs {
                subtopologyID: string
                partitions: []int32
                assignmentEpochs: []int32? tag 0
            }
        }
        key 19 StreamsGroupMemberMetadataKey versions 0 {
            groupID: string
            memberID: string
        }
        value 19 StreamsGroupMemberMetadataValue versions 0 flexible 0+ {
            instanceID: string?
            rackID: string?
            clientID: string
            clientHost: string
            rebalanceTimeoutMs: int32 default -1
            topologyEpoch: int32
            processID: string
            userEndpoint: Endpoint? default null
            clientTags: []KeyValue
            struct Endpoint {
                host: string
                port: uint16
            }
            struct KeyValue {
                key: string
                value: string
            }
        }
        key 17 StreamsGroupMetadataKey versions 0 {
            groupID: string
        }
        value 17 StreamsGroupMetadataValue versions 0 flexible 0+ {
            epoch: int32
            metadataHash: int64
            validatedTopologyEpoch: int32 tag 0 default -1
            lastAssignmentConfigs: []LastAssignmentConfig? tag 1
            storedDescriptionTopologyEpoch: int32 tag 2 default -1
            failedDescriptionTopologyEpoch: int32 tag 3 default -1
            struct LastAssignmentConfig {
                key: string
                value: string
            }
        }
        key 21 StreamsGroupTargetAssignmentMemberKey versions 0 {
            groupID: string
            memberID: string
        }
        value 21 StreamsGroupTargetAssignmentMemberValue versions 0 flexible 0+ {
            activeTasks: []TaskIDs
            standbyTasks: []TaskIDs
            warmupTasks: []TaskIDs
            struct TaskIDs {
                subtopologyID: string
                partitions: []int32
            }
        }
        key 20 StreamsGroupTargetAssignmentMetadataKey versions 0 {
            groupID: string
        }
        value 20 StreamsGroupTargetAssignmentMetadataValue versions 0 flexible 0+ {
            assignmentEpoch: int32
            assignmentTimestamp: int64 tag 0 ignorable
        }
        key 23 StreamsGroupTopologyKey versions 0 {
            groupID: string
        }
        value 23 StreamsGroupTopologyValue versions 0 flexible 0+ {
            epoch: int32
            subtopologies: []Subtopology {
                subtopologyID: string
                sourceTopics: []string
                sourceTopicRegex: []string
                stateChangelogTopics: []TopicInfo
                repartitionSinkTopics: []string
                repartitionSourceTopics: []TopicInfo
                copartitionGroups: []CopartitionGroup {
                    sourceTopics: []int16
                    sourceTopicRegex: []int16
                    repartitionSourceTopics: []int16
                }
            }
            struct TopicConfig {
                key: string
                value: string
            }
            struct TopicInfo {
                name: string
                partitions: int32
                replicationFactor: int16
                topicConfigs: []TopicConfig
            }
        }
        record 25 of MetadataRecord AbortTransactionRecord versions 0 flexible 0+ {
            reason: string? tag 0 default null
        }
        record 18 of MetadataRecord AccessControlEntryRecord versions 0 flexible 0+ {
            id: uuid
            resourceType: int8
            resourceName: string
            patternType: int8
            principal: string
            host: string
            operation: int8
            permissionType: int8
        }
        record 23 of MetadataRecord BeginTransactionRecord versions 0 flexible 0+ {
            name: string? tag 0 default null
        }
        record 17 of MetadataRecord BrokerRegistrationChangeRecord versions 0-3 flexible 0+ {
            brokerID: int32
            brokerEpoch: int64
            fenced: int8 tag 0
            inControlledShutdown: int8 1+ tag 1
            logDirs: []uuid 2+ tag 2
            cordonedLogDirs: []uuid? 3+ tag 3 default null
        }
        record 28 of MetadataRecord ClearElrRecord versions 0 flexible 0+ {
            topicName: string
        }
        record 14 of MetadataRecord ClientQuotaRecord versions 0 flexible 0+ {
            entity: []EntityData {
                entityType: string
                entityName: string?
            }
            key: string
            value: float64
            remove: bool
        }
        record 4 of MetadataRecord ConfigRecord versions 0 flexible 0+ {
            resourceType: int8
            resourceName: string
            name: string
            value: string?
        }
        record 10 of MetadataRecord DelegationTokenRecord versions 0 flexible 0+ {
            owner: string
            requester: string
            renewers: []string
            issueTimestamp: int64
            maxTimestamp: int64
            expirationTimestamp: int64
            tokenID: string
        }
        record 24 of MetadataRecord EndTransactionRecord versions 0 flexible 0+ {
        }
        record 12 of MetadataRecord FeatureLevelRecord versions 0 flexible 0+ {
            name: string
            featureLevel: int16
        }
        record 7 of MetadataRecord FenceBrokerRecord versions 0 flexible 0+ {
            id: int32
            epoch: int64
        }
        record 20 of MetadataRecord NoOpRecord versions 0 flexible 0+ {
        }
        record 5 of MetadataRecord PartitionChangeRecord versions 0-2 flexible 0+ {
            partitionID: int32 default -1
            topicID: uuid
            isr: []int32? tag 0 default null
            leader: int32 tag 1 default -2
            replicas: []int32? tag 2 default null
            removingReplicas: []int32? tag 3 default null
            addingReplicas: []int32? tag 4 default null
            leaderRecoveryState: int8 tag 5 default -1
            directories: []uuid? 1+ tag 8 default null
            eligibleLeaderReplicas: []int32? 2+ tag 6 default null
            lastKnownElr: []int32? 2+ tag 7 default null
        }
        record 3 of MetadataRecord PartitionRecord versions 0-2 flexible 0+ {
            partitionID: int32 default -1
            topicID: uuid
            replicas: []int32
            isr: []int32
            removingReplicas: []int32
            addingReplicas: []int32
            leader: int32 default -1
            leaderRecoveryState: int8 tag 0
            leaderEpoch: int32 default -1
            partitionEpoch: int32 default -1
            directories: []uuid 1+
            eligibleLeaderReplicas: []int32? 2+ tag 1 default null
            lastKnownElr: []int32? 2+ tag 2 default null
        }
        record 15 of MetadataRecord ProducerIDsRecord versions 0 flexible 0+ {
            brokerID: int32
            brokerEpoch: int64 default -1
            nextProducerID: int64
        }
        record 0 of MetadataRecord RegisterBrokerRecord versions 0-4 flexible 0+ {
            brokerID: int32
            isMigratingZkBroker: bool 2+
            incarnationID: uuid
            brokerEpoch: int64
            endPoints: []BrokerEndpoint {
                name: string key
                host: string
                port: uint16
                securityProtocol: int16
            }
            features: []BrokerFeature {
                name: string key
                minSupportedVersion: int16
                maxSupportedVersion: int16
            }
            rack: string?
            fenced: bool default true
            inControlledShutdown: bool 1+
            logDirs: []uuid 3+ tag 0
            cordonedLogDirs: []uuid? 4+ tag 1 default null
        }
        record 27 of MetadataRecord RegisterControllerRecord versions 0 flexible 0+ {
            controllerID: int32
            incarnationID: uuid
            zkMigrationReady: bool
            endPoints: []ControllerEndpoint {
                name: string key
                host: string
                port: uint16
                securityProtocol: int16
            }
            features: []ControllerFeature {
                name: string key
                minSupportedVersion: int16
                maxSupportedVersion: int16
            }
        }
        record 19 of MetadataRecord RemoveAccessControlEntryRecord versions 0 flexible 0+ {
            id: uuid
        }
        record 26 of MetadataRecord RemoveDelegationTokenRecord versions 0 flexible 0+ {
            tokenID: string
        }
        record 9 of MetadataRecord RemoveTopicRecord versions 0 flexible 0+ {
            topicID: uuid
        }
        record 22 of MetadataRecord RemoveUserScramCredentialRecord versions 0 flexible 0+ {
            name: string
            mechanism: int8
        }
        record 2 of MetadataRecord TopicRecord versions 0 flexible 0+ {
            name: string
            topicID: uuid
        }
        record 8 of MetadataRecord UnfenceBrokerRecord versions 0 flexible 0+ {
            id: int32
            epoch: int64
        }
        record 1 of MetadataRecord UnregisterBrokerRecord versions 0 flexible 0+ {
            brokerID: int32
            brokerEpoch: int64
        }
        record 29 of MetadataRecord UnregisterControllerRecord versions 0 flexible 0+ {
            controllerID: int32
        }
        record 11 of MetadataRecord UserScramCredentialRecord versions 0 flexible 0+ {
            name: string
            mechanism: int8
            salt: bytes
            storedKey: bytes
            serverKey: bytes
            iterations: int32
        }
        record 21 of MetadataRecord ZkMigrationStateRecord versions 0 flexible 0+ {
            zkMigrationState: int8
        }
        key 0 ShareSnapshotKey versions 0 {
            groupID: string
            topicID: uuid
            partition: int32
        }
        value 0 ShareSnapshotValue versions 0 flexible 0+ {
            snapshotEpoch: int32
            stateEpoch: int32
            leaderEpoch: int32
            startOffset: int64
            deliveryCompleteCount: int32 tag 0 default -1
            createTimestamp: int64
            writeTimestamp: int64
            stateBatches: []StateBatch {
                firstOffset: int64
                lastOffset: int64
                deliveryState: int8
                deliveryCount: int16
            }
        }
        key 1 ShareUpdateKey versions 0 {
            groupID: string
            topicID: uuid
            partition: int32
        }
        value 1 ShareUpdateValue versions 0 flexible 0+ {
            snapshotEpoch: int32
            leaderEpoch: int32
            startOffset: int64
            deliveryCompleteCount: int32 tag 0 default -1
            stateBatches: []StateBatch {
                firstOffset: int64
                lastOffset: int64
                deliveryState: int8
                deliveryCount: int16
            }
        }
        data ProducerSnapshot versions 1 {
            crc: uint32
            producerEntries: []ProducerEntry {
                producerID: int64
                epoch: int16
                lastSequence: int32
                lastOffset: int64
                offsetDelta: int32
                timestamp: int64
                coordinatorEpoch: int32
                currentTxnFirstOffset: int64
            }
        }
        record 0 of RemoteLogMetadataRecord RemoteLogSegmentMetadataRecord versions 0 flexible 0+ {
            remoteLogSegmentID: RemoteLogSegmentIDEntry {
                topicIDPartition: TopicIDPartitionEntry {
                    name: string
                    id: uuid
                    partition: int32
                }
                id: uuid
            }
            startOffset: int64
            endOffset: int64
            brokerID: int32
            maxTimestampMs: int64
            eventTimestampMs: int64
            segmentLeaderEpochs: []SegmentLeaderEpochEntry {
                leaderEpoch: int32
                offset: int64
            }
            segmentSizeInBytes: int32
            customMetadata: bytes? default null
            remoteLogSegmentState: int8
            txnIndexEmpty: bool tag 0
        }
        record 3 of RemoteLogMetadataRecord RemoteLogSegmentMetadataSnapshotRecord versions 0 flexible 0+ {
            segmentID: uuid
            startOffset: int64
            endOffset: int64
            brokerID: int32
            maxTimestampMs: int64
            eventTimestampMs: int64
            segmentLeaderEpochs: []SegmentLeaderEpochEntry {
                leaderEpoch: int32
                offset: int64
            }
            segmentSizeInBytes: int32
            customMetadata: bytes? default null
            remoteLogSegmentState: int8
            txnIndexEmpty: bool tag 0
        }
        record 1 of RemoteLogMetadataRecord RemoteLogSegmentMetadataUpdateRecord versions 0 flexible 0+ {
            remoteLogSegmentID: RemoteLogSegmentIDEntry {
                topicIDPartition: TopicIDPartitionEntry {
                    name: string
                    id: uuid
                    partition: int32
                }
                id: uuid
            }
            brokerID: int32
            eventTimestampMs: int64
            customMetadata: bytes? default null
            remoteLogSegmentState: int8
        }
        record 2 of RemoteLogMetadataRecord RemotePartitionDeleteMetadataRecord versions 0 flexible 0+ {
            topicIDPartition: TopicIDPartitionEntry {
                name: string
                id: uuid
                partition: int32
            }
            brokerID: int32
            eventTimestampMs: int64
            remotePartitionDeleteState: int8
        }
        key 0 TransactionLogKey versions 0 {
            transactionalID: string
        }
        value 0 TransactionLogValue versions 0-1 flexible 1+ {
            producerID: int64
            previousProducerID: int64 1+ tag 0 default -1
            nextProducerID: int64 1+ tag 1 default -1
            producerEpoch: int16
            nextProducerEpoch: int16 1+ tag 3 default -1
            transactionTimeoutMs: int32
            transactionStatus: int8
            transactionPartitions: []PartitionsSchema? {
                topic: string
                partitionIDs: []int32
            }
            transactionLastUpdateTimestampMs: int64
            transactionStartTimestampMs: int64
            clientTransactionVersion: int16 1+ tag 2
        }
        """#
}
