import Foundation

/// Writes `Sources/Wire/KafkaProtocol/Generated` from `Schemas`.
///
/// Run it from the root of the repository. With `--check` it writes nothing and fails when what is
/// there is not what it would write.
@main struct ProtocolGenerator {
    static func main() {
        do {
            let isCheck = CommandLine.arguments.dropFirst() == ["--check"]
            guard isCheck || CommandLine.arguments.count == 1 else {
                throw Failure(description: "usage: protocolgen [--check]")
            }
            let root = URL(filePath: FileManager.default.currentDirectoryPath)
            let files = try generate(from: root.appending(path: "Schemas"))
            let output = root.appending(path: "Sources/Wire/KafkaProtocol/Generated")
            let changed = try isCheck ? differences(files, output) : write(files, output)
            print("\(files.count) files, \(changed.count) \(isCheck ? "differ" : "changed")")
            if isCheck && !changed.isEmpty {
                throw Failure(description: changed.joined(separator: "\n"))
            }
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(1)
        }
    }

    struct Failure: Error, CustomStringConvertible { var description: String }

    /// The schemas below `directory`, by path.
    static func schemas(in directory: URL) throws -> [SchemaFile] {
        let paths = try FileManager.default.subpathsOfDirectory(atPath: directory.path)
            .filter { $0.hasSuffix(".schema") && $0 != errorFile }.sorted()
        guard !paths.isEmpty else { throw Failure(description: "no schemas in \(directory.path)") }
        return try paths.map { path in
            let text = try String(contentsOf: directory.appending(path: path), encoding: .utf8)
            var schema = try SchemaParser.parse(text, path: "Schemas/\(path)")
            schema.path = String(path.dropLast(".schema".count))
            return schema
        }
    }

    private static let errorFile = "errors.schema"

    /// All generated files, by path below `Generated`.
    static func generate(from directory: URL) throws -> [String: String] {
        let schemas = try schemas(in: directory)
        var files: [String: String] = [:]
        for schema in schemas {
            let folder = schema.path.split(separator: "/").first.map(String.init) ?? ""
            for message in schema.messages {
                let path = "\(folder)/\(message.name).swift"
                guard files[path] == nil else {
                    throw Failure(description: "\(schema.path): second message \(message.name)")
                }
                files[path] = MessageCode(message: message, schema: schema).text()
            }
        }
        let tables = TableCode(schemas: schemas)
        files["APIKey.swift"] = tables.apiKeys()
        files["MessageCatalog.swift"] = tables.catalog()
        for union in tables.unions { files["\(union).swift"] = tables.union(union) }
        let errors = try String(contentsOf: directory.appending(path: errorFile), encoding: .utf8)
        files["KafkaError.swift"] = errorCodes(
            try SchemaParser.parseErrors(errors, path: "Schemas/\(errorFile)"))
        return files
    }

    /// Paths whose file is missing, different or no longer generated.
    static func differences(_ files: [String: String], _ output: URL) throws -> [String] {
        var changed: [String] = []
        for (path, text) in files.sorted(by: { $0.key < $1.key }) {
            let url = output.appending(path: path)
            guard FileManager.default.fileExists(atPath: url.path),
                try String(contentsOf: url, encoding: .utf8) == text
            else {
                changed.append(path)
                continue
            }
        }
        guard FileManager.default.fileExists(atPath: output.path) else { return changed }
        let present = try FileManager.default.subpathsOfDirectory(atPath: output.path)
        return changed + present.filter { $0.hasSuffix(".swift") && files[$0] == nil }.sorted()
    }

    /// Writes what differs and removes what is no longer generated.
    static func write(_ files: [String: String], _ output: URL) throws -> [String] {
        let changed = try differences(files, output)
        for path in changed {
            let url = output.appending(path: path)
            guard let text = files[path] else {
                try FileManager.default.removeItem(at: url)
                continue
            }
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        return changed
    }
}
