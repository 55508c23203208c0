import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Copies a topic partition by partition in transactions, offsets included, until it is killed or a
 * transaction fails: CopyTopic BOOTSTRAP FROM TO GROUP TRANSACTIONAL_ID.
 */
public class CopyTopic {
    public static void main(String[] arguments) throws Exception {
        String group = arguments[3];
        var serializer = new ByteArraySerializer();
        var deserializer = new ByteArrayDeserializer();
        Map<String, Object> reading = Map.of(
            "bootstrap.servers", arguments[0], "group.id", group, "enable.auto.commit", "false",
            "auto.offset.reset", "earliest", "isolation.level", "read_committed",
            "session.timeout.ms", "6000", "max.poll.records", "500");
        Map<String, Object> writing = Map.of(
            "bootstrap.servers", arguments[0], "transactional.id", arguments[4], "linger.ms", "2",
            "transaction.timeout.ms", "20000", "reconnect.backoff.max.ms", "200");
        try (var consumer = new KafkaConsumer<>(reading, deserializer, deserializer);
                var producer = new KafkaProducer<>(writing, serializer, serializer)) {
            while (true) {
                try {
                    producer.initTransactions();
                    break;
                } catch (TimeoutException later) {
                    continue;
                }
            }
            consumer.subscribe(List.of(arguments[1]));
            while (true) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) continue;
                producer.beginTransaction();
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    producer.send(new ProducerRecord<>(
                        arguments[2], record.partition(), record.key(), record.value()));
                    offsets.put(
                        new TopicPartition(record.topic(), record.partition()),
                        new OffsetAndMetadata(record.offset() + 1));
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                while (true) {
                    try {
                        producer.commitTransaction();
                        break;
                    } catch (TimeoutException later) {
                        continue;
                    }
                }
            }
        }
    }
}
