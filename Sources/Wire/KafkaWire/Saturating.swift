extension FixedWidthInteger {
    /// The sum, or the bound that it is beyond. For numbers that a client, a config or a file
    /// gives, which may be anything.
    @inlinable
    public func saturatingSum(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        guard overflow else { return sum }
        return other < 0 ? .min : .max
    }

    /// The difference, or the bound that it is beyond; see `saturatingSum`.
    @inlinable
    public func saturatingDifference(_ other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        guard overflow else { return difference }
        return other > 0 ? .min : .max
    }

    /// The product, or the bound that it is beyond; see `saturatingSum`.
    @inlinable
    public func saturatingProduct(_ other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        guard overflow else { return product }
        return (self < 0) != (other < 0) ? .min : .max
    }
}
