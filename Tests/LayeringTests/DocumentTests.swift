import Foundation
import Testing

/// What the documents say of the tree is there.
@Suite struct DocumentTests {
    private static let documents: [String] =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
        + markdown(in: "docs") + markdown(in: "docs/adr")

    private static func markdown(in folder: String) -> [String] {
        let path = SourceTree.root.appendingPathComponent(folder).path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(".md") }.sorted().map { "\(folder)/\($0)" }
    }

    @Test(arguments: documents)
    func linksLeadToFiles(_ document: String) throws {
        let text = try SourceTree.text(document)
        let folder = SourceTree.root.appendingPathComponent(document).deletingLastPathComponent()
        for match in text.matches(of: /\]\(([^)#\s]+)[^)]*\)/) {
            let target = String(match.output.1)
            guard !target.contains("://") else { continue }
            let path = folder.appendingPathComponent(target).standardizedFileURL.path
            #expect(FileManager.default.fileExists(atPath: path), "\(document): \(target)")
        }
    }

    @Test(arguments: documents)
    func noMergeIsLeftHalfDone(_ document: String) throws {
        for line in try SourceTree.text(document).split(separator: "\n") {
            let isMark = line.hasPrefix("<<<<<<< ") || line.hasPrefix(">>>>>>> ")
            #expect(!isMark, "\(document): \(line)")
        }
    }

    @Test func theReadmesFirstProgramIsOneThatIsBuilt() throws {
        let program = try SourceTree.text("Examples/Newcomer/main.swift")
        #expect(program.split(separator: "\n").count < 15)
        #expect(try SourceTree.text("README.md").contains("```swift\n\(program)```"))
    }
}
