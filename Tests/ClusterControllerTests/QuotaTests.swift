import KafkaProtocol
import Testing

@testable import ClusterController

@Suite struct QuotaTests {
    typealias Part = (type: String, name: String?)

    private func alter(
        _ cluster: inout TestCluster, _ parts: [Part], _ ops: [(String, Double?)],
        validateOnly: Bool = false
    ) throws -> AlterClientQuotasResponse.EntryData {
        var request = AlterClientQuotasRequest()
        request.entries = [
            .init(
                entity: parts.map { .init(entityType: $0.type, entityName: $0.name) },
                ops: ops.map { .init(key: $0.0, value: $0.1 ?? 0, remove: $0.1 == nil) })
        ]
        request.validateOnly = validateOnly
        return try #require(
            try cluster.apply(cluster.controller.alterClientQuotas(request)).entries.first)
    }

    @Test func quotasAreSetAndRemoved() throws {
        var cluster = try TestCluster()
        let alice: [Part] = [("user", "alice")]
        let set = try alter(
            &cluster, alice, [("producer_byte_rate", 1024), ("request_percentage", 12.5)])
        #expect(set.errorCode == 0)
        #expect(set.errorMessage == nil)
        #expect(set.entity.map(\.entityName) == ["alice"])
        let entity = ClientQuotaEntity([.init(type: "user", name: "alice")])
        #expect(
            cluster.image.quotas[entity] == [
                "producer_byte_rate": 1024, "request_percentage": 12.5,
            ])
        _ = try alter(&cluster, alice, [("producer_byte_rate", 1024)])
        #expect(cluster.delta.isEmpty)
        _ = try alter(
            &cluster, alice,
            [("producer_byte_rate", nil), ("request_percentage", nil), ("consumer_byte_rate", nil)]
        )
        #expect(cluster.image.quotas.entities == [])
        _ = try alter(&cluster, alice, [("consumer_byte_rate", 5)], validateOnly: true)
        #expect(cluster.image.quotas.entities == [])
    }

    @Test(
        arguments: [
            ([], "consumer_byte_rate", 1, "Invalid empty client quota entity"),
            ([("user", "")], "consumer_byte_rate", 1, "Empty user not supported"),
            (
                [("group", "g")], "consumer_byte_rate", 1,
                "Unhandled client quota entity type: group"
            ),
            (
                [("user", "u"), ("user", "v")], "consumer_byte_rate", 1,
                "Invalid client quota entity, duplicate entity entry user"
            ),
            (
                [("ip", "1.2.3.4"), ("user", "u")], "connection_creation_rate", 1,
                "Invalid quota entity combination, IP entity should not be combined with User or "
                    + "ClientId"
            ),
            (
                [("user", "u")], "connection_creation_rate", 1,
                "Invalid configuration key connection_creation_rate"
            ),
            (
                [("user", "u")], "consumer_byte_rate", 0,
                "Quota consumer_byte_rate must be greater than 0"
            ),
            (
                [("user", "u")], "consumer_byte_rate", 1.5,
                "consumer_byte_rate cannot be a fractional value."
            ),
            (
                [("user", "u")], "consumer_byte_rate", 1e20,
                "Proposed value for consumer_byte_rate is too large for a LONG."
            ),
            (
                [("ip", "1.2.3.4")], "connection_creation_rate", 3e9,
                "Proposed value for connection_creation_rate is too large for an INT."
            ),
            (
                [("ip", "a b")], "connection_creation_rate", 3,
                "a b is not a valid IP or resolvable host."
            ),
        ] as [([Part], String, Double, String)])
    func flawsAreNamed(parts: [Part], key: String, value: Double, flaw: String) throws {
        var cluster = try TestCluster()
        let result = try alter(&cluster, parts, [(key, value)])
        expectError(result.errorCode, result.errorMessage, is: .invalidRequest, flaw)
        #expect(cluster.image.quotas.entities == [])
    }

    @Test func whatComesTwiceIsRefused() throws {
        var cluster = try TestCluster()
        let keys = try alter(
            &cluster, [("user", "a")], [("consumer_byte_rate", 1), ("consumer_byte_rate", 2)])
        expectError(
            keys.errorCode, keys.errorMessage, is: .invalidRequest,
            "Duplicate quota key consumer_byte_rate not updating quota for this entity")
        #expect(cluster.image.quotas.entities == [])
        let entry = AlterClientQuotasRequest.EntryData(
            entity: [.init(entityType: "user", entityName: "a")],
            ops: [.init(key: "consumer_byte_rate", value: 5, remove: false)])
        let answer = try cluster.apply(
            cluster.controller.alterClientQuotas(.init(entries: [entry, entry])))
        #expect(answer.entries[0].errorCode == 0)
        expectError(
            answer.entries[1].errorCode, answer.entries[1].errorMessage, is: .invalidRequest,
            "Ignoring duplicate entity")
        #expect(cluster.image.quotas.entities.count == 1)
    }

    @Test func anAddressHasItsOwnRateOrThatOfAll() throws {
        var cluster = try TestCluster()
        #expect(cluster.image.quotas.connectionRate(of: "1.1.1.1") == nil)
        for (name, rate) in [("1.1.1.1", 7), (nil, 3)] as [(String?, Double)] {
            _ = try alter(&cluster, [("ip", name)], [("connection_creation_rate", rate)])
        }
        #expect(cluster.image.quotas.connectionRate(of: "1.1.1.1") == 7)
        #expect(cluster.image.quotas.connectionRate(of: "2.2.2.2") == 3)
    }

    private func describe(
        _ image: MetadataImage, _ filter: [(String, Int8, String?)], strict: Bool = false
    ) -> [String] {
        let response = image.describeClientQuotas(
            .init(
                components: filter.map { .init(entityType: $0.0, matchType: $0.1, match: $0.2) },
                strict: strict))
        return (response.entries ?? []).map { entry in
            entry.entity.map { "\($0.entityType)=\($0.entityName ?? "<default>")" }
                .joined(separator: ",")
        }
    }

    @Test func quotasAreFoundByFilter() throws {
        var cluster = try TestCluster()
        for parts in [
            [("user", "a")], [("user", nil)], [("user", "a"), ("client-id", "c")],
            [("client-id", "c")], [("ip", "1.1.1.1")],
        ] as [[Part]] {
            let key = parts[0].type == "ip" ? "connection_creation_rate" : "consumer_byte_rate"
            #expect(try alter(&cluster, parts, [(key, 7)]).errorCode == 0)
        }
        let image = cluster.image
        #expect(describe(image, []).count == 5)
        #expect(describe(image, [], strict: true) == [])
        #expect(describe(image, [("user", 0, "a")]) == ["client-id=c,user=a", "user=a"])
        #expect(describe(image, [("user", 0, "a")], strict: true) == ["user=a"])
        #expect(describe(image, [("user", 1, nil)]) == ["user=<default>"])
        #expect(describe(image, [("user", 2, nil)], strict: true) == ["user=<default>", "user=a"])
        #expect(
            describe(image, [("user", 2, nil), ("client-id", 0, "c")]) == ["client-id=c,user=a"])
        #expect(describe(image, [("ip", 0, "1.1.1.1")]) == ["ip=1.1.1.1"])
    }

    @Test func malformedFiltersAreRefused() {
        for filter in [
            [("", 0, "x")], [("user", 0, nil)], [("user", 1, "x")], [("user", 2, "x")],
            [("user", 9, nil)], [("user", 0, "x"), ("user", 0, "y")],
            [("user", 0, "x"), ("ip", 0, "y")],
        ] as [[(String, Int8, String?)]] {
            let response = MetadataImage.empty.describeClientQuotas(
                .init(
                    components: filter.map {
                        .init(entityType: $0.0, matchType: $0.1, match: $0.2)
                    }))
            #expect(response.errorCode == KafkaError.invalidRequest.rawValue)
            #expect(response.entries == nil)
        }
        let unknown = MetadataImage.empty.describeClientQuotas(
            .init(components: [.init(entityType: "group", matchType: 2, match: nil)]))
        #expect(unknown.errorCode == KafkaError.unsupportedVersion.rawValue)
    }
}
