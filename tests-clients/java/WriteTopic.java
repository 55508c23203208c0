import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes numbered records to two partitions in turn: WriteTopic BOOTSTRAP TOPIC CODEC COUNT. */
public class WriteTopic {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0], "compression.type", arguments[2],
            "enable.idempotence", "true", "linger.ms", "5", "delivery.timeout.ms", "30000",
            "request.timeout.ms", "20000");
        var bytes = new ByteArraySerializer();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (var producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (int index = 0; index < Integer.parseInt(arguments[3]); index++) {
                byte[] number = Integer.toString(index).getBytes();
                sent.add(producer.send(new ProducerRecord<>(
                    arguments[1], index % 2, null, number, ("value " + index).getBytes(),
                    List.of(new RecordHeader("h", number)))));
            }
            for (int index = 0; index < sent.size(); index++) {
                long offset = sent.get(index).get().offset();
                if (offset != index / 2) throw new AssertionError(index + " is at " + offset);
            }
        }
    }
}
