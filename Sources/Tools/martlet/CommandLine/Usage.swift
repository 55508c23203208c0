/// Writes the help of a tool.
enum Usage {
    /// Columns of a line.
    private static let width = 100
    private static let indent = 32

    /// The whole text, for one verb or for all.
    static func text(of tool: any Tool.Type, verb: Verb?) -> String {
        var text = "\(tool.summary)\n\n"
        if let verb {
            text += "Usage: martlet \(tool.name) \(verb.name) [options]\n\(verb.summary)\n\n"
            return text + table(verb.options + tool.options)
        }
        if tool.verbs.isEmpty {
            text += "Usage: martlet \(tool.name) [options]\n\n"
            return text + table(tool.options)
        }
        text += "Usage: martlet \(tool.name) <command> [options]\n\n"
        for verb in tool.verbs {
            text += "\(verb.name): \(verb.summary)\n" + table(verb.options, common: false) + "\n"
        }
        return text + "All commands:\n" + table(tool.options)
    }

    private static func table(_ options: [OptionSpec], common: Bool = true) -> String {
        let shown = options.filter { !$0.isHidden } + (common ? [.help, .version] : [])
        return shown.map(line).joined()
    }

    private static func line(_ spec: OptionSpec) -> String {
        var head = "  " + spec.names.joined(separator: ", ")
        switch spec.value {
        case .none: break
        case .required(let label): head += " <\(label)>"
        case .optional(let label): head += " [\(label)]"
        }
        var help = spec.help
        if let value = spec.defaultValue, !value.isEmpty { help += " (default: \(value))" }
        var lines = wrap(help)
        if head.count < indent {
            head += String(repeating: " ", count: indent - head.count)
            head += lines.removeFirst()
        }
        let margin = String(repeating: " ", count: indent)
        return ([head] + lines.map { margin + $0 }).joined(separator: "\n") + "\n"
    }

    private static func wrap(_ text: String) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].isEmpty {
                lines[lines.count - 1] = String(word)
            } else if lines[lines.count - 1].count + word.count + 1 > width - indent {
                lines.append(String(word))
            } else {
                lines[lines.count - 1] += " " + word
            }
        }
        return lines
    }
}
