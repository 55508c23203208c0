/// Text in columns, as Kafka's tools print it.
enum TextColumns {
    /// The text with spaces on its right up to `width`; never cut.
    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Cells padded to their widths (0: as they are), one space between.
    static func row(_ cells: [String], _ widths: [Int]) -> String {
        zip(cells, widths).map(pad).joined(separator: " ")
    }

    /// The width of the widest text, at least `minimum`.
    static func width(_ texts: some Sequence<String>, atLeast minimum: Int) -> Int {
        texts.reduce(minimum) { max($0, $1.count) }
    }

    /// A table whose columns are as wide as their widest cell, each ended by a tab.
    static func table(_ header: [String], _ rows: [[String]]) -> String {
        let widths = header.indices.map { column in
            width(rows.map { $0[column] }, atLeast: header[column].count)
        }
        return ([header] + rows).map { cells in
            zip(cells, widths).map { pad($0, $1) + "\t" }.joined() + "\n"
        }.joined()
    }
}
