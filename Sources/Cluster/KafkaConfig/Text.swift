extension String {
    /// Without characters up to U+0020 at both ends, as Java trims.
    var javaTrimmed: String {
        let scalars = unicodeScalars
        var start = scalars.startIndex
        var end = scalars.endIndex
        while start < end, scalars[start].value <= 0x20 { start = scalars.index(after: start) }
        while end > start {
            let previous = scalars.index(before: end)
            guard scalars[previous].value <= 0x20 else { break }
            end = previous
        }
        return String(scalars[start..<end])
    }

    /// Entries of a comma-separated list, trimmed. An empty text has none; an empty entry is kept.
    var commaSeparated: [String] {
        let trimmed = javaTrimmed
        if trimmed.isEmpty { return [] }
        return trimmed.split(separator: ",", omittingEmptySubsequences: false)
            .map { String($0).javaTrimmed }
    }
}

extension Array where Element: Hashable {
    /// The elements without repetition, the first of equals staying.
    var withoutDuplicates: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
