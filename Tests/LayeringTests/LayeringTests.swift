import Foundation
import Testing

/// Who may import what, and what a core may not touch.
@Suite struct LayeringTests {
    @Test func everyTargetHasARule() {
        let targets = Set(SourceTree.sources.map(\.target))
        #expect(targets.subtracting(TargetRule.all.keys) == [])
        #expect(Set(TargetRule.all.keys).subtracting(targets) == [])
    }

    @Test func importsFollowTheTable() {
        for file in SourceTree.sources {
            let allowed = TargetRule.all[file.target]?.mayImport ?? []
            let extra = file.imports.subtracting(allowed)
                .subtracting(isStandIn(file) ? ["Synchronization"] : []).sorted()
            #expect(extra == [], "\(file.path) imports what its target may not")
        }
    }

    @Test func packageSettingsAgreeOnWhatIsACore() throws {
        let package = try SourceTree.text("Package.swift")
        let declaration = /target\(\s*"\w+",\s*"(\w+)",[^()]*?,\s*core\)/
        let cores = Set(package.matches(of: declaration).map { String($0.output.1) })
        #expect(cores == Set(TargetRule.all.filter(\.value.isCore).keys))
    }

    @Test func coresAreSynchronous() {
        let words = /\b(?:async|await|Task|actor|Mutex|NSLock|DispatchQueue|withLock)\b/
        expectNone(words, in: cores.filter { !isStandIn($0) })
    }

    @Test func coresHaveNoClockAndNoRandomnessOfTheirOwn() {
        let clocks = /\b(?:ContinuousClock|SuspendingClock|SystemRandomNumberGenerator)\b/
        expectNone(clocks, in: cores)
        expectNone(
            /\.(?:random\(in: [^,)]*\)|randomElement\(\)|shuffled\(\)|shuffle\(\))/, in: cores)
    }

    /// The file system in memory stands in for a shell, in tests of whatever thread.
    private func isStandIn(_ file: SourceFile) -> Bool { file.name == "MemoryFileSystem.swift" }

    private var cores: [SourceFile] {
        SourceTree.sources.filter { TargetRule.all[$0.target]?.isCore == true }
    }
}

/// Records one issue for each place where the pattern occurs in code.
func expectNone(_ pattern: Regex<Substring>, in files: [SourceFile]) {
    for file in files {
        for place in file.lines(matching: pattern) {
            Issue.record("not allowed here: \(place)")
        }
    }
}
