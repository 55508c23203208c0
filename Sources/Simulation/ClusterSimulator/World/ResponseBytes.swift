import BrokerCore
import LogStorage

/// The bytes of an answer, with the file slices in their places.
enum ResponseBytes {
    /// `nil` when a slice cannot be read, which a real node tells by closing the connection.
    static func all(of response: OutgoingResponse) -> [UInt8]? {
        var bytes: [UInt8] = []
        var isReadable = true
        // The bytes are copied within the call; the splices lie among them, in order.
        unsafe response.withUnsafeBytes { fields in
            var position = 0
            for (index, splice) in response.splices.enumerated() {
                unsafe bytes.append(contentsOf: fields[position..<splice.position])
                position = splice.position
                do throws(FileError) {
                    bytes += try response.slices[index].bytes()
                } catch {
                    isReadable = false
                }
            }
            unsafe bytes.append(contentsOf: fields[position...])
        }
        return isReadable ? bytes : nil
    }
}
