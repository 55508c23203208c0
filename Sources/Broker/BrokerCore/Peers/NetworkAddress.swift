/// The bytes of an IP address in text: four, or sixteen.
struct NetworkAddress {
    let bytes: [UInt8]

    /// `nil` for a text that is no address, as `::ffff:1.2.3.4`, which no socket names itself.
    init?(_ text: String) {
        let parsed = text.contains(":") ? Self.version6(text) : Self.version4(text)
        guard let parsed else { return nil }
        bytes = parsed
    }

    private static func version4(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { UInt8($0) }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    private static func version6(_ text: String) -> [UInt8]? {
        // A scope (`%eth0`) means nothing elsewhere.
        let address = text.prefix { $0 != "%" }
        guard let gap = address.firstRange(of: "::") else {
            let all = groups(address)
            return all?.count == 16 ? all : nil
        }
        guard let head = groups(address[..<gap.lowerBound]),
            let tail = groups(address[gap.upperBound...]), head.count + tail.count < 16
        else { return nil }
        return head + Array(repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: Substring) -> [UInt8]? {
        guard !text.isEmpty else { return [] }
        var bytes: [UInt8] = []
        for group in text.split(separator: ":", omittingEmptySubsequences: false) {
            guard group.utf8.count <= 4, let number = UInt16(group, radix: 16) else { return nil }
            bytes += [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)]
        }
        return bytes
    }
}
