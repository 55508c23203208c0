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
}
