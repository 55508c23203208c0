// Who imports MartletClient has the types that its calls take and give.
@_exported public import ClientCore
@_exported public import enum KafkaProtocol.KafkaError
@_exported public import enum KafkaRecords.CompressionType
@_exported public import struct KafkaRecords.RecordHeader
@_exported public import struct KafkaSecurity.OAuthToken
@_exported public import enum KafkaSecurity.SaslMechanism
@_exported public import enum KafkaSecurity.ScramHash
@_exported public import struct KafkaSecurity.Secret
@_exported public import struct KafkaWire.BrokerID
@_exported public import struct KafkaWire.KafkaUUID
@_exported public import struct KafkaWire.LeaderEpoch
@_exported public import struct KafkaWire.Offset
@_exported public import struct KafkaWire.ProducerID
@_exported public import struct KafkaWire.TopicPartition
