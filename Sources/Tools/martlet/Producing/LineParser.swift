import KafkaRecords

/// Turns lines into records, by the properties of Kafka's own line reader (`--reader-property`).
struct LineParser {
    private var parseKey = false
    private var parseHeaders = false
    private var ignoreError = false
    private var keySeparator = Array("\t".utf8)
    private var headersDelimiter = Array("\t".utf8)
    private var headersSeparator = Array(",".utf8)
    private var headersKeySeparator = Array(":".utf8)
    private var nullMarker: [UInt8]?

    /// Takes `parse.key`, `key.separator`, `parse.headers`, `headers.delimiter`,
    /// `headers.separator`, `headers.key.separator`, `ignore.error` and `null.marker`.
    init(_ properties: [String: String]) throws(Failure) {
        func flag(_ name: String) -> Bool {
            properties[name]?.trimmed.lowercased() == "true"
        }
        func text(_ name: String, _ value: inout [UInt8]) {
            if let text = properties[name] { value = Array(text.utf8) }
        }
        parseKey = flag("parse.key")
        parseHeaders = flag("parse.headers")
        ignoreError = flag("ignore.error")
        text("key.separator", &keySeparator)
        text("headers.delimiter", &headersDelimiter)
        text("headers.separator", &headersSeparator)
        text("headers.key.separator", &headersKeySeparator)
        nullMarker = properties["null.marker"].map { Array($0.utf8) }
        try checkSeparators()
    }

    private func checkSeparators() throws(Failure) {
        let names = ["headers.delimiter", "headers.separator", "headers.key.separator"]
        let values = [headersDelimiter, headersSeparator, headersKeySeparator]
        for (first, second) in [(0, 1), (0, 2), (1, 2)] where values[first] == values[second] {
            throw Failure("\(names[first]) and \(names[second]) may not be equal")
        }
        for (name, value) in zip(names + ["key.separator"], values + [keySeparator]) {
            guard !value.isEmpty else { throw Failure("\(name) may not be empty") }
            guard value != nullMarker else {
                throw Failure("null.marker and \(name) may not be equal")
            }
        }
    }

    /// The record in a line; `number` counts from 1 and is for errors.
    func record(_ line: [UInt8], number: Int) throws(Failure) -> ConsoleRecord {
        if !parseKey, !parseHeaders, nullMarker == nil {
            return ConsoleRecord(key: nil, value: line)
        }
        var rest = line[...]
        let headers =
            parseHeaders
            ? try field(&rest, headersDelimiter, "headers delimiter", line, number) : nil
        let key = parseKey ? try field(&rest, keySeparator, "key separator", line, number) : nil
        var record = ConsoleRecord(key: key.flatMap(nullable), value: nullable(Array(rest)))
        if let headers, headers != nullMarker {
            record.headers = try self.headers(headers, number)
        }
        return record
    }

    private func nullable(_ bytes: [UInt8]) -> [UInt8]? { bytes == nullMarker ? nil : bytes }

    private func field(
        _ rest: inout ArraySlice<UInt8>, _ separator: [UInt8], _ what: String, _ line: [UInt8],
        _ number: Int
    ) throws(Failure) -> [UInt8]? {
        guard let place = Self.find(separator, in: rest) else {
            if ignoreError { return nil }
            let text = String(decoding: line, as: UTF8.self)
            throw Failure("No \(what) found on line number \(number): '\(text)'")
        }
        let field = Array(rest[..<place])
        rest = rest[(place + separator.count)...]
        return field
    }

    private func headers(
        _ bytes: [UInt8], _ number: Int
    ) throws(Failure) -> [RecordHeader] {
        var headers: [RecordHeader] = []
        var rest = bytes[...]
        while true {
            let end = Self.find(headersSeparator, in: rest)
            headers.append(try header(Array(rest[..<(end ?? rest.endIndex)]), number))
            guard let end else { return headers }
            rest = rest[(end + headersSeparator.count)...]
        }
    }

    private func header(
        _ pair: [UInt8], _ number: Int
    ) throws(Failure) -> RecordHeader {
        let text = String(decoding: pair, as: UTF8.self)
        guard let place = Self.find(headersKeySeparator, in: pair[...]) else {
            if ignoreError { return .init(key: text, value: nil) }
            throw Failure(
                "No header key separator found in pair '\(text)' on line number \(number)")
        }
        let key = Array(pair[..<place])
        guard key != nullMarker else {
            throw Failure(
                "Header keys should not be equal to the null marker "
                    + "'\(String(decoding: key, as: UTF8.self))' as they can't be null")
        }
        let value = Array(pair[(place + headersKeySeparator.count)...])
        return .init(key: String(decoding: key, as: UTF8.self), value: nullable(value))
    }

    /// Where `needle`, which is not empty, first lies in `bytes`.
    static func find(_ needle: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard let first = needle.first else { return nil }
        var start = bytes.startIndex
        while let place = bytes[start...].firstIndex(of: first) {
            if bytes[place...].starts(with: needle) { return place }
            start = place + 1
        }
        return nil
    }
}
