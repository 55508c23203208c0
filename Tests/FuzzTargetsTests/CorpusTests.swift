import Foundation
import FuzzTargets
import Testing

/// What `make fuzz` explores for hours, in seconds: every target takes all inputs that are known to
/// reach something in it, and those that once broke it.
///
/// A target that is at fault traps, which ends the test run; run it on the input by itself with
/// `scripts/fuzz TARGET FILE`.
@Suite struct CorpusTests {
    @Test func everyTargetHasACorpusAndTheOtherWayRound() throws {
        let names = FuzzTarget.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(try Corpus.names() == names.sorted())
        for name in names {
            #expect(try !Corpus.inputs(of: name).isEmpty, "\(name)")
        }
    }

    @Test(arguments: FuzzTarget.all.map(\.name))
    func aTargetTakesItsCorpus(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        for input in try Corpus.inputs(of: name) { take(input, target) }
    }

    @Test(arguments: FuzzTarget.all.map(\.name))
    func aTargetTakesItsSeeds(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let seeds = try #require(try Seeds.all()[name])
        for seed in seeds { take(seed, target) }
    }

    /// `FUZZ_SEEDS=directory` writes the seeds where `scripts/fuzz` takes them from.
    @Test(.enabled(if: Seeds.directory != nil)) func writeSeeds() throws {
        let directory = URL(filePath: try #require(Seeds.directory))
        for (name, seeds) in try Seeds.all() {
            let folder = directory.appending(path: name)
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true)
            for (index, seed) in seeds.enumerated() {
                try Data(seed).write(to: folder.appending(path: "seed-\(index)"))
            }
        }
    }

    private func take(_ bytes: [UInt8], _ target: FuzzTarget) { target.run(bytes.span.bytes) }
}

/// The inputs that are kept: `Corpus/TARGET/`, a file each.
enum Corpus {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Corpus")

    static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { !$0.hasPrefix(".") }.sorted()
    }

    static func inputs(of name: String) throws -> [[UInt8]] {
        let folder = folder.appending(path: name)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
            [UInt8](try Data(contentsOf: folder.appending(path: $0)))
        }
    }
}
