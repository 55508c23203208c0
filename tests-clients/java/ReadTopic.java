import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Prints every record of a topic as a line of JSON: ReadTopic BOOTSTRAP TOPIC PARTITIONS. */
public class ReadTopic {
    public static void main(String[] arguments) {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0], "enable.auto.commit", "false",
            "auto.offset.reset", "none", "check.crcs", "true");
        List<TopicPartition> partitions = IntStream.range(0, Integer.parseInt(arguments[2]))
            .mapToObj(index -> new TopicPartition(arguments[1], index)).toList();
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one))) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) System.out.println(line(record));
            }
        }
    }

    private static String line(ConsumerRecord<byte[], byte[]> record) {
        var headers = new StringJoiner(",", "[", "]");
        record.headers().forEach(one -> headers.add("[\"" + one.key() + "\"," + base64(one.value()) + "]"));
        return "{\"partition\":%d,\"offset\":%d,\"timestamp\":%d,\"key\":%s,\"value\":%s,\"headers\":%s}"
            .formatted(record.partition(), record.offset(), record.timestamp(),
                base64(record.key()), base64(record.value()), headers);
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? "null" : '"' + Base64.getEncoder().encodeToString(bytes) + '"';
    }
}
