import ClusterSimulator
import Testing

@Suite struct SimulationTests {
    @Test(arguments: 1...3) func seedsHoldAndRepeat(seed: Int) {
        let options = SimulationOptions(seed: UInt64(seed))
        let first = Simulation.run(options)
        #expect(first.violations == [])
        #expect(first.operations > 100)
        #expect(Simulation.run(options).traceHash == first.traceHash)
    }

    /// The production client against the production node.
    @Test(arguments: 1...2) func swiftClientsGetWhatTheyArePromised(seed: Int) {
        let options = SimulationOptions(
            seed: UInt64(seed), shape: .alone, hasSwiftClients: true)
        #expect(SimulationOptions(arguments: options.arguments)?.hasSwiftClients == true)
        let outcome = Simulation.run(options)
        #expect(outcome.violations == [])
        #expect(outcome.operations > 100)
    }
}
