import ClusterSimulator
import Foundation
import KafkaWire
import Testing

/// Worlds that once failed, as `simulate --minimise` wrote them down; and how that finds the least.
@Suite struct TranscriptTests {
    private static let transcripts: [URL] = {
        let directory = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Transcripts")
        let files = try? FileManager.default.contentsOfDirectory(
            at: directory, includingPropertiesForKeys: nil)
        return (files ?? []).filter { $0.pathExtension == "txt" }.sorted { $0.path < $1.path }
    }()

    @Test(arguments: transcripts) func whatOnceFailedHolds(file: URL) throws {
        let text = try String(contentsOf: file, encoding: .utf8)
        let command = try #require(text.split(separator: "\n").first { !$0.hasPrefix("#") })
        let words = try #require(command.split(separator: " ", maxSplits: 1).last)
        let options = try #require(SimulationOptions(arguments: String(words)))
        #expect(Simulation.run(options).violations == [])
    }

    @Test func aWorldIsWhatItsArgumentsSay() throws {
        var options = SimulationOptions(seed: 7, shape: .short)
        options.leaveOut(.crash)
        options.leaveOut(.crash)
        options.leaveOut(.churn)
        options.faults = [9, 3]
        #expect(options.arguments == "--seed 7 --short --without crash,churn --faults 3,9")
        let again = try #require(SimulationOptions(arguments: options.arguments))
        #expect(again.arguments == options.arguments)
        #expect(again.summary == options.summary)
        #expect(SimulationOptions(arguments: "--seed 1 --without nothing") == nil)
        #expect(SimulationOptions(arguments: "--short") == nil)
    }

    @Test func theLeastWorldStillFails() throws {
        func world(_ seed: UInt64) -> SimulationOptions {
            var options = SimulationOptions(seed: seed, shape: .alone)
            options.seconds = 15
            return options
        }
        func run(_ options: SimulationOptions) -> Simulation.Outcome {
            Simulation.run(options, planted: .unsyncedAck)
        }
        let first = try #require(
            (1...20).lazy.map { run(world($0)) }.first { !$0.violations.isEmpty })
        let least = try #require(Minimiser.least(first.options, runs: 10, run: run))
        #expect(!least.violations.isEmpty)
        #expect(least.options.arguments.contains("--without"))
        var options = try #require(SimulationOptions(arguments: least.options.arguments))
        options.seconds = 15
        let replay = run(options)
        #expect(replay.traceHash == least.traceHash)
        #expect(replay.violations == least.violations)
    }
}
