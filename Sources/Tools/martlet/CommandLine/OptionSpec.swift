/// One option of a tool, in Kafka's grammar.
struct OptionSpec: Sendable {
    /// What follows the option's name.
    enum Value: Sendable, Equatable {
        /// Nothing: a flag.
        case none
        /// A value must follow; the text names it in the help.
        case required(String)
        /// A value may follow, unless the next argument is an option itself.
        case optional(String)
    }

    /// All spellings, the main one first: `--topic`, `-t`.
    let names: [String]
    let value: Value
    /// What it is for, in one or two sentences.
    let help: String
    /// The value when the option is not given.
    let defaultValue: String?
    /// Whether it may be given more than once.
    let isRepeatable: Bool
    /// Old spellings and options that only scripts use are left out of the help.
    let isHidden: Bool

    private init(
        _ names: [String], _ value: Value, _ help: String, _ defaultValue: String?,
        _ isRepeatable: Bool, _ isHidden: Bool
    ) {
        self.names = names
        self.value = value
        self.help = help
        self.defaultValue = defaultValue
        self.isRepeatable = isRepeatable
        self.isHidden = isHidden
    }

    /// An option without a value.
    static func flag(_ names: String..., help: String, isHidden: Bool = false) -> OptionSpec {
        OptionSpec(names, .none, help, nil, true, isHidden)
    }

    /// An option with a value.
    static func value(
        _ names: String..., label: String, help: String, default defaultValue: String? = nil,
        isRepeatable: Bool = false, isHidden: Bool = false
    ) -> OptionSpec {
        OptionSpec(names, .required(label), help, defaultValue, isRepeatable, isHidden)
    }

    /// An option whose value may be left out.
    static func optionalValue(
        _ names: String..., label: String, help: String, isHidden: Bool = false
    ) -> OptionSpec {
        OptionSpec(names, .optional(label), help, nil, false, isHidden)
    }

    /// The main spelling.
    var name: String { names[0] }
}

extension OptionSpec {
    /// `--bootstrap-server`, as all tools have it.
    static let bootstrapServer = OptionSpec.value(
        "--bootstrap-server", label: "host:port[,host:port]",
        help: "Servers to connect to; the first that answers is asked for the others.",
        default: nil)
    /// `--bootstrap-controller`, as the tools have it that controllers can answer (KIP-919).
    static let bootstrapController = OptionSpec.value(
        "--bootstrap-controller", label: "host:port[,host:port]",
        help: "Controllers to connect to in the place of brokers.")
    /// `--command-config`, as all tools have it.
    static let commandConfig = OptionSpec.value(
        "--command-config", label: "file",
        help: "Properties file with settings of the client (request.timeout.ms, client.id, ...).")
    /// `--json`, where a script may want it.
    static let json = OptionSpec.flag(
        "--json", help: "Print one JSON document instead of Kafka's text (Martlet only).")
    /// `--help`.
    static let help = OptionSpec.flag("--help", "-h", help: "Print this text.")
    /// `--version`.
    static let version = OptionSpec.flag("--version", help: "Print the version.")
}
