import Foundation
import Testing

/// Sizes and words that CONTRIBUTING.md sets.
@Suite struct StyleTests {
    @Test func filesStaySmall() {
        for file in SourceTree.written {
            let limit = file.isTest ? 1_000 : 600
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
            #expect(lines <= limit, "\(file.path) has \(lines) lines")
        }
    }

    @Test func functionsStaySmall() {
        for file in SourceTree.written {
            for function in Functions.all(in: file.code) where function.lineCount > 70 {
                Issue.record(
                    "\(file.path):\(function.line): a function of \(function.lineCount) lines")
            }
        }
    }

    /// A string literal that stands alone on its line may be longer, as for `swift format`.
    @Test func linesFitTheColumn() {
        for file in SourceTree.written {
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated() where line.count > 100 {
                if line.drop(while: { $0 == " " }).first == "\"" { continue }
                Issue.record("\(file.path):\(index + 1): \(line.count) columns")
            }
        }
    }

    @Test func nothingIsForcedOrUnchecked() throws {
        expectNone(/\btry!|\bas!/, in: SourceTree.sources + SourceTree.tests)
        for path in ["Package.swift", "Makefile"] {
            let text = try SourceTree.text(path)
            #expect(!text.contains("-Ounchecked") && !text.contains("unsafeFlags"), "\(path)")
        }
    }

    @Test func nothingIsLeftForLater() {
        // Spelled in two halves so that this file passes its own test.
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
        for file in SourceTree.written {
            for mark in marks {
                #expect(!file.text.contains(mark), "\(file.path) contains \(mark)")
            }
        }
    }

    @Test func namesSayWhatIsInside() {
        for file in SourceTree.sources {
            for word in ["Manager", "Utils", "Util.", "Helper"] {
                #expect(!file.name.contains(word), "\(file.path)")
            }
        }
    }
}

/// Finds the bodies of functions and initialisers by matching braces.
struct Functions {
    let line: Int
    let lineCount: Int

    static func all(in code: String) -> [Functions] {
        let start = /\b(?:func\s+[^\s(]+|init[?]?\s*(?=[(<])|subscript\s*(?=[(<])|deinit)/
        return code.matches(of: start).compactMap { match in
            body(in: code[match.range.upperBound...]).map { range in
                Functions(
                    line: 1
                        + code[..<match.range.lowerBound].utf8.count { $0 == UInt8(ascii: "\n") },
                    lineCount: 1 + code[range].utf8.count { $0 == UInt8(ascii: "\n") })
            }
        }
    }

    /// The braces of the body that follows a signature; nil for a requirement without one or for
    /// a call such as `self.init(…)`.
    private static func body(in rest: Substring) -> Range<String.Index>? {
        var depth = 0
        var start: String.Index?
        let bytes = rest.utf8
        var index = bytes.startIndex
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "{"):
                if depth == 0 && start == nil { start = index }
                depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                if depth == 0, let start { return start..<bytes.index(after: index) }
            case UInt8(ascii: "\n") where depth == 0 && start == nil:
                if !signatureGoesOn(bytes[bytes.index(after: index)...]) { return nil }
            default: break
            }
            if depth < 0 { return nil }
            index = bytes.index(after: index)
        }
        return nil
    }

    private static func signatureGoesOn(_ rest: Substring.UTF8View.SubSequence) -> Bool {
        let next = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.prefix(8)
        let word = String(decoding: Array(next), as: UTF8.self)
        return ["{", "->", "throws", "async", "where", "rethrows"].contains { word.hasPrefix($0) }
    }
}
