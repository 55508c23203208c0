import KafkaWire
import Testing

@Suite struct SaturatingTests {
    @Test func whatFitsIsPlainArithmetic() {
        #expect(Int32(5).saturatingSum(-7) == -2)
        #expect(Int64(5).saturatingDifference(7) == -2)
        #expect(Int8(-8).saturatingProduct(16) == -128)
    }

    @Test func whatDoesNotFitIsTheNearestBound() {
        #expect(Int64.max.saturatingSum(1) == .max)
        #expect(Int64.min.saturatingSum(-1) == .min)
        #expect(Int32.min.saturatingDifference(1) == .min)
        #expect(Int32.max.saturatingDifference(-1) == .max)
        #expect(Int64(0).saturatingDifference(.min) == .max)
        #expect(UInt8(1).saturatingDifference(2) == .min)
        #expect(Int64.max.saturatingProduct(2) == .max)
        #expect(Int64.min.saturatingProduct(2) == .min)
        #expect(Int64.min.saturatingProduct(-1) == .max)
    }
}
