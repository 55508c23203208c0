/// Reads `--add-config`, `--add-config-file` and `--delete-config`.
enum ConfigChanges {
    /// Everything that `--alter` is asked to change: removals first, as Kafka sends them.
    static func parse(_ options: ParsedOptions) throws -> [(name: String, value: String?)] {
        var added: [(name: String, value: String?)] = []
        if let file = options.value("--add-config-file") {
            for (name, value) in try ClientOptions.properties(file).sorted(by: { $0.key < $1.key })
            {
                added.append((name, value))
            }
        }
        if let text = options.value("--add-config") { added += try additions(text) }
        for change in added { try check(change.name) }
        let removed = options.values("--delete-config").flatMap { list in
            list.split(separator: ",").map { (name: String($0).trimmed, value: String?.none) }
        }
        return removed + added
    }

    /// `k1=v1,k2=[v1,v2]`: commas and equals signs within brackets do not separate.
    static func additions(_ text: String) throws(Failure) -> [(name: String, value: String?)] {
        var pairs: [(name: String, value: String?)] = []
        for part in split(text, at: ",") {
            let halves = split(part, at: "=")
            guard halves.count == 2 else {
                throw Failure(
                    "Invalid entity config '\(part)'.",
                    remedy: "All configs to be added must be in the format \"key=val\" or "
                        + "\"key=[val1,val2]\" to group values which contain commas.")
            }
            let value = halves[1].filter { $0 != "[" && $0 != "]" }
            pairs.removeAll { $0.name == halves[0].trimmed }
            pairs.append((halves[0].trimmed, value.trimmed))
        }
        return pairs
    }

    private static func split(_ text: String, at separator: Character) -> [String] {
        var parts = [""]
        var isGrouped = false
        for character in text {
            if character == "[" { isGrouped = true }
            if character == "]" { isGrouped = false }
            if character == separator && !isGrouped {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts
    }

    private static func check(_ name: String) throws(Failure) {
        let isPlain = name.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber) || "$._-".contains($0)
        }
        guard isPlain else { throw Failure("Invalid character found for config key: \(name)") }
    }
}
