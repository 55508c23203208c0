import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a topic while it is written: FollowTopic BOOTSTRAP TOPIC PARTITIONS goes on until its input
 * ends and it has read all, and prints "PARTITION OFFSET NUMBER" of values as NumberedLoad writes.
 */
public class FollowTopic {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0], "enable.auto.commit", "false",
            "auto.offset.reset", "none", "request.timeout.ms", "5000",
            "reconnect.backoff.max.ms", "500");
        List<TopicPartition> partitions = IntStream.range(0, Integer.parseInt(arguments[2]))
            .mapToObj(number -> new TopicPartition(arguments[1], number)).toList();
        var bytes = new ByteArrayDeserializer();
        var output = new StringBuilder();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (System.in.available() == 0) take(consumer, output);
            var ends = consumer.endOffsets(partitions, Duration.ofSeconds(30));
            while (partitions.stream().anyMatch(one -> consumer.position(one) < ends.get(one)))
                take(consumer, output);
        }
        System.out.print(output);
    }

    private static void take(KafkaConsumer<byte[], byte[]> consumer, StringBuilder output) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
            String[] words = new String(record.value(), StandardCharsets.US_ASCII).split(" ", 3);
            output.append(record.partition()).append(' ').append(record.offset()).append(' ')
                .append(words[1]).append('\n');
        }
    }
}
