/// What one file of `Schemas/` says.
struct SchemaFile {
    /// The path below `Schemas/`, without the extension.
    var path: String
    var api: API?
    var messages: [Message] = []
}

/// An API key and its listeners (`api Fetch 1 on broker controller`).
struct API {
    var name: String
    var key: Int
    var listeners: [String]
}

/// One request, response, header, record, key, value or other structure with versions.
struct Message {
    enum Kind: Equatable {
        case request, response, header, data
        case key(Int), value(Int)
        case record(Int, union: String)
    }
    var kind: Kind
    var name: String
    var versions: VersionRange
    /// Versions with compact lengths and tagged fields; `nil` when there are none.
    var flexible: VersionRange?
    /// The newest version is not final: servers do not offer it.
    var isLatestUnstable: Bool
    var comments: [String]
    var fields: [Field]
    /// Structs by name, in order of appearance.
    var structs: [Struct] = []
}

/// A struct that fields of a message refer to.
struct Struct {
    var name: String
    var comments: [String]
    var fields: [Field]
    /// Versions of the message in which some field may hold this struct.
    var versions: VersionRange
    /// Versions that the schema itself gave to the struct; `nil` when it follows its users.
    var isShared: Bool
}

/// One field.
struct Field {
    var name: String
    var type: FieldType
    var versions: VersionRange
    var nullable: VersionRange?
    var tag: Int?
    var defaultText: String?
    /// Dropped, not refused, by a version that lacks it.
    var isIgnorable: Bool
    /// Identifies its element within an array (told in the documentation only).
    var isKey: Bool
    /// A string with a 16-bit length in all versions.
    var isNonflexible: Bool
    var comments: [String]
    var line: Int
}

/// The type of a field.
indirect enum FieldType: Equatable, Sendable {
    case bool, int8, int16, uint16, int32, uint32, int64, float64
    case string, uuid, bytes, records
    case structure(String)
    case array(FieldType)

    static let named: [String: FieldType] = [
        "bool": .bool, "int8": .int8, "int16": .int16, "uint16": .uint16, "int32": .int32,
        "uint32": .uint32, "int64": .int64, "float64": .float64, "string": .string, "uuid": .uuid,
        "bytes": .bytes, "records": .records,
    ]

    /// The type's name in Swift, without `?`.
    var swiftName: String {
        switch self {
        case .bool: "Bool"
        case .int8: "Int8"
        case .int16: "Int16"
        case .uint16: "UInt16"
        case .int32: "Int32"
        case .uint32: "UInt32"
        case .int64: "Int64"
        case .float64: "Double"
        case .string: "String"
        case .uuid: "KafkaUUID"
        case .bytes: "[UInt8]"
        case .records: "RecordsField"
        case .structure(let name): name
        case .array(let element): "[\(element.swiftName)]"
        }
    }

    /// Bytes of a value of fixed width; `nil` for the others.
    var fixedWidth: Int? {
        switch self {
        case .bool, .int8: 1
        case .int16, .uint16: 2
        case .int32, .uint32: 4
        case .int64, .float64: 8
        case .uuid: 16
        case .string, .bytes, .records, .structure, .array: nil
        }
    }

    /// The struct that this type is, or is an array of.
    var structName: String? {
        switch self {
        case .structure(let name): name
        case .array(let element): element.structName
        default: nil
        }
    }
}
