internal import CCompression

/// Bytes that a codec of the C libraries has produced, freed with this value.
@safe struct CodecBuffer: ~Copyable {
    // Owned by this value alone; only the functions below touch it.
    private var buffer = unsafe mc_buffer(bytes: nil, count: 0, capacity: 0)

    init() {}
    deinit {
        var last = unsafe buffer
        unsafe mc_buffer_free(&last)
    }

    /// What has been produced; valid as long as this value is not changed.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // The library has initialised the first `count` bytes, and `self` keeps them alive.
            let span = unsafe RawSpan(
                _unsafeBytes: UnsafeRawBufferPointer(start: buffer.bytes, count: buffer.count))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    func toArray() -> [UInt8] {
        // As in `bytes`.
        unsafe [UInt8](UnsafeRawBufferPointer(start: buffer.bytes, count: buffer.count))
    }

    /// Runs a codec over `input`.
    mutating func append(
        _ input: RawSpan,
        _ codec: (UnsafeRawPointer, Int, UnsafeMutablePointer<mc_buffer>) -> mc_status
    ) -> mc_status {
        unsafe input.withUnsafeBytes { source in
            // An empty span has no address; the codecs want one even for no bytes.
            guard let start = source.baseAddress else {
                return unsafe withUnsafeBytes(of: 0 as UInt8) { one in
                    guard let start = one.baseAddress else { return MC_FAILED }
                    return unsafe codec(start, 0, &buffer)
                }
            }
            return unsafe codec(start, source.count, &buffer)
        }
    }
}
