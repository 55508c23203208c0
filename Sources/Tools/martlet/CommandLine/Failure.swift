/// Why a tool stops with a non-zero exit code: what went wrong, and what to do about it.
struct Failure: Error, Equatable, CustomStringConvertible {
    /// The cause, in a sentence.
    var message: String
    /// What the user can do, in a sentence.
    var remedy: String?
    /// 1, as all of Kafka's tools.
    var exitCode: Int32 = 1
    /// Whether the tool's usage helps.
    var showsUsage = false

    init(_ message: String, remedy: String? = nil) {
        self.message = message
        self.remedy = remedy
    }

    /// A mistake on the command line.
    static func usage(_ message: String) -> Failure {
        var failure = Failure(message)
        failure.showsUsage = true
        return failure
    }

    var description: String { remedy.map { "\(message) \($0)" } ?? message }
}
