import KafkaProtocol
import KafkaWire
import Testing

@testable import ClientCore

/// Whom an admin client asks, and what it tells where nobody can be asked.
@Suite struct AdminRoutingTests {
    private typealias Driver = ScriptedDriver<AdminCore>
    private let cluster = ScriptedCluster()

    init() {
        cluster.on(ListGroupsRequest.self) { [unowned cluster = self.cluster] _, _ in
            ListGroupsResponse(errorCode: cluster.refusal(.listGroups))
        }
    }

    private func driver(_ configure: (inout AdminSettings) -> Void = { _ in }) -> Driver {
        var settings = AdminSettings(
            network: NetworkSettings(bootstrap: ScriptedCluster.bootstrap))
        settings.network.pushesMetrics = false
        settings.apiTimeout = .seconds(10)
        configure(&settings)
        return Driver(cluster, AdminCore(settings, seed: 1))
    }

    private func list(
        _ target: AdminTarget, _ driver: Driver,
        versions: ClosedRange<Int16> = 0...Int16.max,
        build: @escaping @Sendable (Int16) -> ListGroupsRequest = { _ in ListGroupsRequest() }
    ) throws -> ClientError? {
        let waiter = UInt64(driver.outputs.count)
        driver.core.call(
            target, versions: versions, waiter: waiter, now: driver.now, build: build,
            read: { answer throws(ClientError) in
                try ClientError.check(answer.response.errorCode)
            })
        try driver.run { driver.outputs.count > waiter }
        guard case .ended(waiter, let result)? = driver.outputs.last else {
            Issue.record("no end")
            return nil
        }
        if case .failure(let error) = result { return error } else { return nil }
    }

    // MARK: Controllers (KIP-919)

    /// Controllers, of which `active` is the first.
    private func controllers(
        _ active: Int32 = 1, error: KafkaError = .none
    ) throws -> Driver {
        cluster.brokers = [active]
        cluster.off(.metadata)
        cluster.on(DescribeClusterRequest.self) { [unowned cluster = self.cluster] request, _ in
            #expect(request.endpointType == 2)
            let code = cluster.refusal(.describeCluster)
            return DescribeClusterResponse(
                errorCode: code == 0 ? error.code : code,
                errorMessage: "no", endpointType: 2, clusterID: "c",
                controllerID: cluster.brokers[0],
                brokers: [0, 1, 2].map { .init(brokerID: $0, host: "b\($0)", port: 9092) }
                    + [.init(brokerID: 3, host: "b3", port: 70_000)])
        }
        var settings = AdminSettings(network: NetworkSettings(bootstrap: []))
        try settings.apply(["bootstrap.controllers": "b0:9092,b1:9092"])
        return driver {
            $0.network.bootstrap = settings.network.bootstrap
            $0.network.asksControllers = settings.network.asksControllers
        }
    }

    @Test func theActiveControllerIsAsked() throws {
        let driver = try controllers()
        #expect(try list(.any, driver) == nil)
        #expect(try list(.controller, driver) == nil)
        #expect(cluster.nodes(.listGroups) == [1, 1])
        #expect(cluster.calls.first { $0.key != .apiVersions }?.key == .describeCluster)
        #expect(cluster.count(.metadata) == 0 && driver.core.network.metadata.clusterID == "c")
    }

    @Test func theActiveControllerIsFollowed() throws {
        let driver = try controllers()
        #expect(try list(.controller, driver) == nil)
        cluster.brokers = [2]
        cluster.refusals[.listGroups] = [.notController]
        #expect(try list(.controller, driver) == nil)
        #expect(cluster.nodes(.listGroups) == [1, 1, 2])
    }

    @Test func aControllerIsAskedByItsNumber() throws {
        let driver = try controllers()
        #expect(try list(.broker(BrokerID(2)), driver) == nil)
        #expect(cluster.nodes(.listGroups) == [2])
        for absent: Int32 in [3, 9] {
            let error = try list(.broker(BrokerID(absent)), driver)
            #expect(error?.kafkaError == .brokerNotAvailable)
            #expect("\(error as Any)".contains("controllers are 0,1,2"))
        }
    }

    /// While there is none to be named, any may know better.
    @Test func withoutAnActiveControllerAnyIsAsked() throws {
        let driver = try controllers(-1)
        #expect(try list(.controller, driver) == nil)
        #expect(cluster.count(.describeCluster) >= 1)
    }

    @Test func whatControllersRefuseForAWhileIsAskedAgain() throws {
        let driver = try controllers()
        cluster.refusals[.describeCluster] = [.requestTimedOut, .requestTimedOut]
        #expect(try list(.any, driver) == nil)
        #expect(cluster.count(.describeCluster) == 3)
        #expect(driver.now.nanoseconds > 200_000_000, "each time after a pause")
    }

    /// A broker's listener was given for a controller's.
    @Test func whoIsNoControllerIsTold() throws {
        let mistaken = try list(.any, controllers(error: .unsupportedEndpointType))
        #expect(mistaken == .broker(.unsupportedEndpointType, message: "no"))
        cluster.limits[.describeCluster] = 0
        let old = try list(.any, controllers())
        guard case .unsupportedRequest(.describeCluster, _)? = old else {
            Issue.record("\(String(describing: old))")
            return
        }
    }

    @Test func controllersAndBrokersAreNotMixed() throws {
        var settings = AdminSettings(network: NetworkSettings(bootstrap: []))
        #expect(throws: ClientError.self) {
            try settings.apply([
                "bootstrap.controllers": "c:9093", "bootstrap.servers": "b:9092",
            ])
        }
        let error = #expect(throws: ClientError.self) {
            try settings.apply(["bootstrap.controllers": "c"])
        }
        #expect("\(error as Any)".contains("bootstrap.controllers"))
        try settings.apply([
            "bootstrap.controllers": "c:9093", "default.api.timeout.ms": "7",
        ])
        #expect(settings.network.asksControllers && settings.apiTimeout == .milliseconds(7))
        #expect(settings.network.bootstrap == [BrokerAddress(host: "c", port: 9093)])
    }

    // MARK: Nobody to ask

    @Test func brokersThatCannotBeReachedAreToldToWhoDoesNotWait() throws {
        let tool = driver { $0.endsUnreachable = true }
        tool.unreachable = [0, 1]
        guard case .disconnected(let reason)? = try list(.any, tool) else {
            Issue.record("another end")
            return
        }
        #expect(reason.hasSuffix("refused") && tool.now.nanoseconds < 1_000_000_000)
        let patient = driver()
        patient.unreachable = [0, 1]
        guard case .timedOut(let what)? = try list(.any, patient) else {
            Issue.record("another end")
            return
        }
        #expect(what.contains("ListGroups") && what.contains("refused"))
        #expect(patient.now.nanoseconds >= 10_000_000_000)
    }

    @Test func oneBrokerThatCannotBeReachedIsToldToWhoNeedsIt() throws {
        let driver = driver { $0.endsUnreachable = true }
        driver.unreachable = [1]
        #expect(try list(.broker(BrokerID(0)), driver) == nil)
        #expect(try list(.broker(BrokerID(1)), driver) == .disconnected("refused"))
        #expect(try list(.any, driver) == nil)
    }

    @Test func requestsThatABrokerDoesNotServeAreTold() throws {
        let driver = driver()
        cluster.limits[.listGroups] = 3
        for versions in [Int16(0)...0, 4...5] {
            let error = try list(.controller, driver, versions: versions)
            #expect((error == nil) == versions.contains(0))
            guard error != nil else { continue }
            #expect(error == .unsupportedRequest(.listGroups, broker: "broker 0"))
        }
        cluster.off(.listGroups)
        driver.drop(0)
        let error = try list(.controller, driver)
        #expect(error == .unsupportedRequest(.listGroups, broker: "broker 0"))
    }

    /// Filters by type came with version 5 (KIP-848).
    @Test func aRequestThatTheVersionCannotSayIsTold() throws {
        let driver = driver()
        cluster.limits[.listGroups] = 4
        let error = try list(.any, driver) { _ in ListGroupsRequest(typesFilter: ["consumer"]) }
        guard case .invalidRecord(let reason)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.hasPrefix("ListGroups v4"))
    }

    /// A broker may come back under its number, elsewhere.
    @Test func aCoordinatorAtAnotherAddressIsConnectedToAnew() throws {
        var host = "b0"
        cluster.on(FindCoordinatorRequest.self) { request, _ in
            FindCoordinatorResponse(
                coordinators: request.coordinatorKeys.map {
                    .init(key: $0, nodeID: 0, host: host, port: 9092)
                })
        }
        let driver = driver()
        #expect(try list(.group("g"), driver) == nil)
        host = "b1"
        #expect(try list(.group("h"), driver) == nil)
        #expect(cluster.nodes(.listGroups) == [0, 1])
    }

    @Test func whatIsMeasuredIsTold() throws {
        let driver = driver()
        #expect(try list(.any, driver) == nil)
        let taken = driver.core.takeMeasures(now: driver.now, timestamp: 1_000)
        #expect(taken.requests == driver.cluster.calls.count && taken.connections > 0)
        let all = driver.core.metrics(now: driver.now)
        let requests = all.first {
            $0.group == "admin-client-metrics" && $0.name == "request-total"
        }
        #expect(requests?.value == Double(taken.requests))
        #expect(!driver.core.telemetry.isFinishing)
        driver.core.telemetry.waitForInstanceID(1, until: driver.now)
        let off = ClientError.invalidState("enable.metrics.push is false")
        #expect(driver.core.telemetry.takeAnswers().map(\.result) == [.failure(off)])
    }
}
