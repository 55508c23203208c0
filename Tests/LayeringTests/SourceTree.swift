import Foundation

/// One Swift file of the repository, as its text and as its code alone.
struct SourceFile: Sendable {
    /// Path from the repository's root, `Sources/Wire/KafkaWire/WireReader.swift`.
    let path: String
    let text: String
    /// The text with comments and the contents of string literals blanked out; lines stay.
    let code: String

    var name: String { String(path.split(separator: "/").last ?? "") }
    /// The SwiftPM target: third component under `Sources`, second under `Tests`.
    var target: String {
        let parts = path.split(separator: "/")
        return String(parts[parts.first == "Sources" ? 2 : 1])
    }
    /// Written by `protocolgen`: exempt from sizes and layout, not from layering.
    var isGenerated: Bool { path.contains("/Generated/") }
    var isTest: Bool { path.hasPrefix("Tests/") }

    init(path: String, text: String) {
        self.path = path
        self.text = text
        code = CodeText.strip(text)
    }

    /// 1-based line numbers of the code lines in which the pattern matches, with the match.
    func lines(matching pattern: Regex<Substring>) -> [String] {
        var found: [String] = []
        for (index, line) in code.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            for match in line.matches(of: pattern) {
                found.append("\(path):\(index + 1): \(match.output)")
            }
        }
        return found
    }

    /// The modules that the file imports, without `public`, `@testable` or `struct` before them.
    var imports: Set<String> {
        let pattern =
            #/
            (?m)^\s*(?:@\w+(?:\([^)]*\))?\s+)*
            (?:(?:public|package|internal|private)\s+)?
            import\s+(?:(?:struct|enum|class|func|protocol)\s+)?(\w+)
            /#
        return Set(code.matches(of: pattern).map { String($0.output.1) })
    }
}

/// The sources of this package, read once.
enum SourceTree {
    static let root: URL = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url
    }()

    static let sources: [SourceFile] = read("Sources")
    static let tests: [SourceFile] = read("Tests")
    /// What people write and read: everything but the generated files.
    static let written: [SourceFile] = (sources + tests).filter { !$0.isGenerated }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func read(_ folder: String) -> [SourceFile] {
        let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
        var files: [SourceFile] = []
        while let name = names?.nextObject() as? String {
            guard name.hasSuffix(".swift"), let text = try? text("\(folder)/\(name)") else {
                continue
            }
            files.append(SourceFile(path: "\(folder)/\(name)", text: text))
        }
        return files.sorted { $0.path < $1.path }
    }
}
