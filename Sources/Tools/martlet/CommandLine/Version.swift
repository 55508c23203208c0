/// The version that `--version` prints: Martlet's own, and the Kafka whose protocol it speaks.
enum Version {
    /// Version of Martlet.
    static let martlet = "0.1.0"
    /// Release of Kafka whose protocol, formats and tools these are.
    static let kafka = "4.4"
    /// The line that `--version` prints.
    static let text = "martlet \(martlet) (Kafka \(kafka))"
}
