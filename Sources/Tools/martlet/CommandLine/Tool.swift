import ClientCore

/// A tool of the command line: one subcommand of `martlet`, and a Kafka tool of its own name.
protocol Tool: SendableMetatype {
    /// The subcommand, `topics`.
    static var name: String { get }
    /// Names under which Kafka ships the tool, without `.sh`: `kafka-topics`.
    static var kafkaNames: [String] { get }
    /// What it does, in a sentence.
    static var summary: String { get }
    /// Its options, apart from `--help` and `--version`; those of its verbs too.
    static var options: [OptionSpec] { get }
    /// Verbs, for tools that have them: `format`, `info`.
    static var verbs: [Verb] { get }
    /// Whether arguments that belong to no option are allowed.
    static var allowsOperands: Bool { get }
    /// Whether `@file` stands for the arguments in a file, one a line.
    static var readsArgumentFiles: Bool { get }
    /// Runs it; the exit code is 0 for success. Failures go to standard error with exit code 1.
    static func run(_ invocation: Invocation, _ console: Console) throws -> Int32
}

/// A verb of a tool, with the options that only it has.
struct Verb: Sendable {
    let name: String
    let summary: String
    var options: [OptionSpec] = []
}

/// What a tool is asked to do.
struct Invocation {
    /// The verb, for tools that have verbs; empty for others.
    var verb = ""
    var options: ParsedOptions
    /// The whole command line, for messages.
    var arguments: [String]
}

extension Tool {
    static var kafkaNames: [String] { [] }
    static var verbs: [Verb] { [] }
    static var allowsOperands: Bool { false }
    static var readsArgumentFiles: Bool { false }

    /// Parses the arguments, answers `--help` and `--version`, runs the tool, reports failures.
    static func main(_ arguments: [String], _ console: Console) -> Int32 {
        defer { console.flush() }
        do {
            let arguments = readsArgumentFiles ? try expand(arguments) : arguments
            if answersItself(arguments, console) { return 0 }
            return try run(try parse(arguments), console)
        } catch {
            return report(error, console)
        }
    }

    private static func expand(_ arguments: [String]) throws(Failure) -> [String] {
        var expanded: [String] = []
        for argument in arguments {
            guard argument.hasPrefix("@") else {
                expanded.append(argument)
                continue
            }
            let text = try TextFile.read(String(argument.dropFirst()))
            expanded += text.split(separator: "\n").map(String.init)
        }
        return expanded
    }

    private static func answersItself(_ arguments: [String], _ console: Console) -> Bool {
        if arguments.contains("--help") || arguments == ["-h"] {
            console.write(Usage.text(of: self, verb: verbs.first { arguments.first == $0.name }))
            return true
        }
        if arguments.contains("--version") {
            console.print(Version.text)
            return true
        }
        return false
    }

    private static func parse(_ arguments: [String]) throws(Failure) -> Invocation {
        var rest = arguments
        var specs = options
        var name = ""
        if !verbs.isEmpty {
            guard let (place, verb) = try findVerb(rest) else {
                let known = verbs.map(\.name).joined(separator: ", ")
                throw .usage("Choose a command: \(known).")
            }
            rest.remove(at: place)
            specs += verb.options
            name = verb.name
        } else if arguments.isEmpty && !allowsOperands {
            throw .usage(summary)
        }
        let parsed = try ParsedOptions(
            rest, specs: specs, allowsOperands: allowsOperands, allowsAbbreviations: !verbs.isEmpty)
        return Invocation(verb: name, options: parsed, arguments: arguments)
    }

    /// The first argument that is neither an option nor an option's value: options that all verbs
    /// share may stand before the verb.
    private static func findVerb(_ arguments: [String]) throws(Failure) -> (Int, Verb)? {
        let specs = options + verbs.flatMap(\.options)
        var place = 0
        while place < arguments.count {
            let argument = arguments[place]
            if !argument.hasPrefix("-") {
                guard let verb = verbs.first(where: { $0.name == argument }) else {
                    throw .usage("'\(argument)' is not a command of \(name).")
                }
                return (place, verb)
            }
            let spec = ParsedOptions.spec(argument, in: specs, true)
            if case .required = spec?.value { place += 1 }
            place += 1
        }
        return nil
    }

    private static func report(_ error: any Error, _ console: Console) -> Int32 {
        let failure = (error as? Failure) ?? (error as? ClientError)?.words ?? Failure("\(error)")
        console.error(failure.description)
        if failure.showsUsage {
            console.error("")
            console.error(Usage.text(of: self, verb: nil))
        }
        return failure.exitCode
    }
}
