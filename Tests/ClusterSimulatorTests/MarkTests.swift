import ClusterSimulator
import KafkaWire
import Testing

@Suite struct MarkTests {
    @Test func marksAreCountedForTheSimulationThatRuns() {
        let counts = MarkCounts()
        var evaluated = 0
        func holds() -> Bool {
            evaluated += 1
            return true
        }
        Mark.$counts.withValue(counts) {
            sometimes(.tornTailCut)
            sometimes(.tornTailCut)
            sometimes(.isrShrunk, when: holds())
            sometimes(.isrExpanded, when: false)
        }
        // None runs.
        sometimes(.duplicateBatch)
        sometimes(.duplicateBatch, when: holds())
        #expect(counts.reached == [.tornTailCut: 2, .isrShrunk: 1])
        #expect(evaluated == 1)
    }

    @Test func aSimulationTellsWhatItReached() {
        let outcome = Simulation.run(SimulationOptions(seed: 2))
        #expect(outcome.marks.count > 20)
    }
}
