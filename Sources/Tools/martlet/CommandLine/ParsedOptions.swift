/// The options of one invocation, parsed by Kafka's rules.
///
/// `--name value` and `--name=value` are the same; an option that takes a value takes the next
/// argument whatever it looks like (`--time -1`). Names are spelled in full, but for tools with
/// verbs: as with Kafka's, the beginning of a name will do where only one begins so.
struct ParsedOptions {
    /// One option as it was given.
    struct Occurrence: Equatable {
        /// Main spelling.
        let name: String
        let value: String?
    }

    private let specs: [OptionSpec]
    /// All options in the order of the command line.
    let occurrences: [Occurrence]
    /// Arguments that are neither options nor values.
    let operands: [String]

    /// Parses `arguments`; throws `Failure` naming the argument that does not fit.
    ///
    /// With `allowsOperands` false, an argument that belongs to no option is an error (Kafka's
    /// tools pass over it in silence, which hides typing mistakes).
    init(
        _ arguments: [String], specs: [OptionSpec], allowsOperands: Bool = false,
        allowsAbbreviations: Bool = false
    ) throws(Failure) {
        self.specs = specs
        var found: [Occurrence] = []
        var operands: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                operands += rest
                break
            }
            guard argument.hasPrefix("-"), argument.count > 1 else {
                operands.append(argument)
                continue
            }
            found.append(try Self.option(argument, &rest, specs, allowsAbbreviations))
        }
        if !allowsOperands, let stray = operands.first {
            throw .usage("'\(stray)' belongs to no option.")
        }
        occurrences = found
        self.operands = operands
        try checkRepeats()
    }

    private static func option(
        _ argument: String, _ rest: inout ArraySlice<String>, _ specs: [OptionSpec],
        _ allowsAbbreviations: Bool
    ) throws(Failure) -> Occurrence {
        var name = argument[...]
        var attached: String?
        if let equals = argument.firstIndex(of: "=") {
            name = argument[..<equals]
            attached = String(argument[argument.index(after: equals)...])
        }
        guard let spec = spec(String(name), in: specs, allowsAbbreviations) else {
            throw .usage("\(name) is not a recognized option.")
        }
        switch spec.value {
        case .none:
            guard attached == nil else { throw .usage("Option \(name) takes no value.") }
        case .required(let label):
            if attached == nil { attached = rest.popFirst() }
            guard attached != nil else {
                throw .usage("Option \(name) requires an argument: <\(label)>.")
            }
        case .optional:
            if attached == nil, let next = rest.first, !next.hasPrefix("-") {
                attached = rest.popFirst()
            }
        }
        return Occurrence(name: spec.name, value: attached)
    }

    /// The option of this name, or, with abbreviations, the only one that begins so.
    static func spec(
        _ name: String, in specs: [OptionSpec], _ allowsAbbreviations: Bool
    ) -> OptionSpec? {
        if let spec = specs.first(where: { $0.names.contains(name) }) { return spec }
        guard allowsAbbreviations, name.hasPrefix("--"), name.count > 2 else { return nil }
        let candidates = specs.filter { $0.names.contains { $0.hasPrefix(name) } }
        guard let first = candidates.first, candidates.allSatisfy({ $0.name == first.name }) else {
            return nil
        }
        return first
    }

    private func checkRepeats() throws(Failure) {
        for spec in specs where !spec.isRepeatable {
            if occurrences.count(where: { $0.name == spec.name }) > 1 {
                throw .usage("Option \(spec.name) is given more than once.")
            }
        }
    }

    /// Whether the option was given.
    func has(_ name: String) -> Bool { occurrences.contains { $0.name == name } }

    /// The option's value, or its default.
    func value(_ name: String) -> String? {
        if let found = occurrences.last(where: { $0.name == name }) { return found.value }
        return specs.first { $0.name == name }?.defaultValue
    }

    /// All values of a repeatable option.
    func values(_ name: String) -> [String] {
        occurrences.filter { $0.name == name }.compactMap(\.value)
    }

    /// The value of an option that must be given.
    func required(_ name: String) throws(Failure) -> String {
        guard let value = value(name) else {
            throw .usage("Missing required argument \"\(name)\".")
        }
        return value
    }

    /// The value as an integer in `range`; `nil` when the option is not given and has no default.
    func integer<T: FixedWidthInteger>(
        _ name: String, _ range: ClosedRange<T> = T.min...T.max
    ) throws(Failure) -> T? {
        guard let text = value(name) else { return nil }
        guard let number = T(text), range.contains(number) else {
            throw .usage(
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound), "
                    + "not '\(text)'.")
        }
        return number
    }

    /// Throws unless exactly one of the named options is given.
    func exactlyOne(of names: [String], _ what: String) throws(Failure) -> String {
        let given = names.filter(has)
        guard given.count == 1, let name = given.first else {
            throw .usage("\(what) must include exactly one of \(names.joined(separator: ", ")).")
        }
        return name
    }

    /// Throws when `option` is given together with any of `others`.
    func forbid(_ option: String, with others: [String]) throws(Failure) {
        guard has(option), let other = others.first(where: has) else { return }
        throw .usage("Option \(option) can't be used with option \(other).")
    }
}
