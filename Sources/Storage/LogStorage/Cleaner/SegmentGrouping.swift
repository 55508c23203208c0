import KafkaWire

/// What the grouping needs to know of one segment.
struct GroupableSegment: Sendable, Equatable {
    var baseOffset: Offset
    var logBytes: Int
    var offsetIndexBytes: Int
    var timeIndexBytes: Int
}

/// Puts neighbouring segments together that fit into one, so that compaction does not leave ever
/// smaller ones.
enum SegmentGrouping {
    /// Ranges of `segments`, each of which becomes one segment; they follow each other without
    /// gaps.
    ///
    /// - Parameters:
    ///   - end: the base offset of the segment that follows the last one.
    static func groups(
        _ segments: [GroupableSegment], maxLogBytes: Int, maxIndexBytes: Int, end: Offset
    ) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var start = 0
        while start < segments.count {
            var sum = segments[start]
            var next = start + 1
            while next < segments.count {
                let candidate = segments[next]
                let following = next + 1 < segments.count ? segments[next + 1].baseOffset : end
                sum.logBytes += candidate.logBytes
                sum.offsetIndexBytes += candidate.offsetIndexBytes
                sum.timeIndexBytes += candidate.timeIndexBytes
                // An empty segment has no offset that could be too far away.
                let reaches = candidate.logBytes > 0 ? following - sum.baseOffset - 1 : 0
                guard sum.logBytes <= maxLogBytes, sum.offsetIndexBytes <= maxIndexBytes,
                    sum.timeIndexBytes <= maxIndexBytes, reaches <= LogSegment.maxOffsetSpan
                else { break }
                next += 1
            }
            groups.append(start..<next)
            start = next
        }
        return groups
    }
}
