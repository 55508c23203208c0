/// What goes wrong in a world until it heals: each kind at random intervals, drawn by the seed.
struct Faults {
    private let world: SimulatedWorld
    private var options: SimulationOptions { world.options }

    init(_ world: SimulatedWorld) { self.world = world }

    func start() {
        world.repeatingFault(options.crashMs) { crash() }
        world.repeatingFault(options.diskFaultMs) { failDisk() }
        world.repeatingFault(options.resetMs) { breakConnection() }
        guard options.topology.nodes.count > 1 else { return }
        world.repeatingFault(options.partitionMs) { partition() }
        world.repeatingFault(options.haltMs) { halt() }
        world.repeatingFault(options.clogMs) { clog() }
        world.repeatingFault(options.skewMs) { skew() }
        world.operating(options.changes.wipeMs / 4) { wipe() }
        LeaderRelay(world).start()
        LateProposals(world).start()
    }

    private func anyNode(_ condition: (SimulatedNode) -> Bool) -> SimulatedNode? {
        world.pick(world.nodes.filter(condition))
    }

    private func after(ms: ClosedRange<Int64>, _ action: @escaping () -> Void) {
        world.scheduler.after(world.draw(ms) * 1_000_000, action)
    }

    // MARK: Processes and machines

    private func crash() {
        guard let node = anyNode(\.isUp) else { return }
        if world.isDiskMissing { return stopInOrder(node) }
        // Now and then all of them, as when the building has no power.
        let all = world.nodes.count > 1 && world.chance(8) ? world.nodes.filter(\.isUp) : [node]
        let kind = world.draw(0...9)
        for node in all {
            world.fault("crash of \(node.name)")
            switch kind {
            case 0...1: node.stop { restart(node) }
            case 2...4: node.kill()
            case 5...7 where options.changes.cutsWhileSyncing && options.isFlushed:
                world.cutInSync(node) { restart(node) }
            default: world.crash(node)
            }
            if !node.isUp { restart(node) }
        }
    }

    /// All that may happen to a node while another one has lost its disk: what a controller knows
    /// to be unclean must be fewer than `min.insync.replicas` (KIP-966).
    private func stopInOrder(_ node: SimulatedNode) {
        world.fault("\(node.name) stops")
        node.stop { restart(node) }
    }

    private func restart(_ node: SimulatedNode) {
        let isShort = world.chance(70)
        after(ms: isShort ? 1...300 : 300...8000) { node.start() }
    }

    /// A machine comes back with a new disk. Only while each partition has all of its replicas in
    /// sync, and the quorum all of its voters, which nobody is about to change: nothing that was
    /// acknowledged may rest on it alone.
    private func wipe() {
        let checker = world.checker
        guard !world.isDiskMissing, !world.isChangingVoters, checker.obstacle == nil,
            checker.hasAllVoters,
            !world.nodes.contains(where: { $0.isHalted || $0.hasBadDisk })
        else { return }
        let draws = world.operators
        let extra = NodeProcess.directories(options.changes.directories).dropFirst()
        let bare = world.nodes.filter { checker.mayLoseMetadata($0) }
        let isWhole = extra.isEmpty || draws.chance(50)
        guard let node = draws.pick(isWhole ? bare : world.nodes) else { return }
        world.fault("\(node.name) loses \(isWhole ? "its disk" : "a log directory")")
        world.noteLostDisk()
        world.crash(node)
        if let directory = draws.pick(Array(extra)), !isWhole {
            node.wipe(directory)
        } else {
            node.wipe()
        }
        world.scheduler.after(draws.draw(50...6000) * 1_000_000) { node.start() }
    }

    /// The disk answers with an error; an operator restarts the machine some time later.
    private func failDisk() {
        guard !world.isDiskMissing, let node = anyNode(\.isUp) else { return }
        let operations = [nil, "write", "sync", "rename", "create"]
        let operation = operations[Int(world.draw(0...4))]
        node.fail(
            .init(
                after: Int(world.draw(0...30)), operation: operation,
                code: world.chance(50) ? 5 : 28, isPermanent: world.chance(50)))
        world.fault("\(node.name)'s disk will fail \(operation ?? "any change")")
        let generation = node.generation
        after(ms: 100...4000) {
            guard node.generation == generation, !world.isHealed else { return }
            // What a failed sync has left nobody knows.
            world.crash(node)
            after(ms: 1...500) { node.start() }
        }
    }

    /// The process stands still, as under SIGSTOP or on a machine that swaps.
    private func halt() {
        guard let node = anyNode({ $0.isUp && !$0.isHalted }) else { return }
        world.fault("halt of \(node.name)")
        node.halt()
        let isShort = world.chance(60)
        after(ms: isShort ? 10...1500 : 1500...20_000) { node.resume() }
    }

    /// The wall clock jumps.
    private func skew() {
        guard let node = anyNode({ _ in true }) else { return }
        node.wallSkewMs = world.draw(-60_000...60_000)
        world.fault("\(node.name)'s wall clock is off by \(node.wallSkewMs) ms")
    }

    // MARK: Network

    private func breakConnection() {
        world.fault("a connection breaks")
        world.network.breakOne()
    }

    /// Some nodes do not hear from some others for a while, or from clients.
    private func partition() {
        let ids = world.nodes.map(\.id)
        guard let one = world.pick(ids), let other = world.pick(ids.filter { $0 != one }) else {
            return
        }
        var ways: [SimulatedNetwork.Way] = []
        func cut(_ a: Int32, _ b: Int32, bothWays: Bool) {
            ways.append(.init(from: a, to: b))
            if bothWays { ways.append(.init(from: b, to: a)) }
        }
        let bothWays = world.chance(65)
        switch world.draw(0...9) {
        case 0...2: cut(one, other, bothWays: bothWays)
        case 3...5: for id in ids where id != one { cut(one, id, bothWays: bothWays) }
        case 6: for id in ids where id != one { cut(id, one, bothWays: false) }
        case 7:
            for id in ids where id != one { cut(one, id, bothWays: true) }
            cut(one, SimulatedNetwork.clients, bothWays: true)
        case 8: cut(one, SimulatedNetwork.clients, bothWays: bothWays)
        default:
            let side = Set(ids.filter { _ in world.chance(50) })
            for a in ids where side.contains(a) {
                for b in ids where !side.contains(b) { cut(a, b, bothWays: true) }
            }
        }
        let list = ways.map { "\($0.from)>\($0.to)" }.joined(separator: " ")
        world.fault("nothing passes \(list)")
        world.network.block(ways)
        let isShort = world.chance(60)
        after(ms: isShort ? 50...2000 : 2000...15_000) {
            guard !world.isHealed else { return }
            world.trace.note(world.scheduler.now, "passes again: \(list)")
            world.network.unblock(ways)
        }
    }

    private func clog() {
        let ids = world.nodes.map(\.id)
        guard let one = world.pick(ids), let other = world.pick(ids.filter { $0 != one }) else {
            return
        }
        let way = SimulatedNetwork.Way(from: one, to: other)
        let delayMs = world.draw(1...800)
        world.fault("\(one)>\(other) takes \(delayMs) ms more")
        world.network.clog(way, by: delayMs * 1_000_000)
        after(ms: 100...6000) { world.network.unclog(way) }
    }
}
