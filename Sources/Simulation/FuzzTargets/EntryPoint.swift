/// What libFuzzer calls for each input, in the program that `scripts/fuzz` links.
///
/// The target is the one that the argument `--target=NAME` of the process names; libFuzzer passes
/// over arguments that begin with two dashes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafeRawPointer?, _ count: Int) -> CInt {
    guard let data = unsafe data else {
        chosen.run(RawSpan())
        return 0
    }
    // libFuzzer lends `count` bytes at `data` for the time of the call.
    chosen.run(unsafe RawSpan(_unsafeStart: data, byteCount: count))
    return 0
}

private let chosen: FuzzTarget = {
    let flag = "--target="
    let name = CommandLine.arguments.first { $0.hasPrefix(flag) }?.dropFirst(flag.count)
    guard let name, let target = FuzzTarget.named(String(name)) else {
        let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
        fatalError("name the target, \(flag)NAME, one of: \(names)")
    }
    return target
}()
