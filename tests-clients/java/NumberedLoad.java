import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * numbered_load.py with Java's producer: NumberedLoad BOOTSTRAP TOPIC PARTITION writes "PARTITION
 * NUMBER" until its input ends, then prints "OFFSET NUMBER" of each acknowledged record.
 */
public class NumberedLoad {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0], "acks", "all", "enable.idempotence", "true",
            "delivery.timeout.ms", "300000", "request.timeout.ms", "5000", "linger.ms", "1",
            "reconnect.backoff.max.ms", "500");
        int partition = Integer.parseInt(arguments[2]);
        Queue<String> acknowledged = new ConcurrentLinkedQueue<>();
        Queue<Exception> failed = new ConcurrentLinkedQueue<>();
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (int number = 0; System.in.available() == 0; number++) {
                String name = Integer.toString(number);
                byte[] value = (partition + " " + name).getBytes(StandardCharsets.US_ASCII);
                producer.send(
                    new ProducerRecord<>(arguments[1], partition, null, value),
                    (metadata, failure) -> {
                        if (failure != null) failed.add(failure);
                        else acknowledged.add(metadata.offset() + " " + name);
                    });
                if (number % 25 == 0) Thread.sleep(50);
            }
        }
        if (!failed.isEmpty()) throw failed.peek();
        acknowledged.forEach(System.out::println);
    }
}
