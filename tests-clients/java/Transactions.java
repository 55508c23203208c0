import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Commits, aborts, fences, describes and mends transactions: Transactions BOOTSTRAP TOPIC. */
public class Transactions {
    private static String bootstrap;

    private static KafkaProducer<String, String> producer(String id) {
        var text = new StringSerializer();
        return new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "transactional.id", id), text, text);
    }

    private static List<String> committed(String topic) {
        var text = new StringDeserializer();
        List<String> values = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(
                Map.<String, Object>of(
                    "bootstrap.servers", bootstrap, "isolation.level", "read_committed"),
                text, text)) {
            var place = new TopicPartition(topic, 0);
            consumer.assign(List.of(place));
            consumer.seekToBeginning(List.of(place));
            long end = consumer.endOffsets(List.of(place)).get(place);
            while (consumer.position(place) < end) {
                consumer.poll(Duration.ofMillis(200)).forEach(one -> values.add(one.value()));
            }
        }
        return values;
    }

    private static void expect(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        String topic = arguments[1];
        try (var producer = producer("java"); var admin = Admin.create(
                Map.<String, Object>of("bootstrap.servers", bootstrap))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, null, "one")).get();
            expect(committed(topic).isEmpty(), "an open transaction is read");
            var open = admin.describeTransactions(List.of("java")).description("java").get();
            expect(open.state() == TransactionState.ONGOING, "it is " + open.state());
            producer.commitTransaction();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, null, "gone")).get();
            producer.abortTransaction();
            for (int number = 0; number < 20; number++) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, 0, null, "n" + number));
                producer.commitTransaction();
            }
            var read = committed(topic);
            expect(read.size() == 21 && read.get(0).equals("one") && read.get(20).equals("n19"),
                "read " + read);
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, null, "zombie")).get();
            try (var next = producer("java")) {
                next.initTransactions();
                try {
                    producer.send(new ProducerRecord<>(topic, 0, null, "late"));
                    producer.commitTransaction();
                    expect(false, "the zombie is not fenced");
                } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
                    next.beginTransaction();
                    next.send(new ProducerRecord<>(topic, 0, null, "last"));
                    next.commitTransaction();
                }
            }
            expect(committed(topic).size() == 22, "read " + committed(topic));
            var listed = admin.listTransactions(
                new ListTransactionsOptions().filterOnTransactionalIdPattern("ja.a")).all().get();
            expect(listed.size() == 1, "listed " + listed);
            mend(admin, topic);
        }
        System.out.println("done");
    }

    /** Ends a transaction as an administrator does who finds it hanging. */
    private static void mend(Admin admin, String topic) throws Exception {
        var place = new TopicPartition(topic, 0);
        try (var producer = producer("stuck")) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, null, "stuck")).get();
            ProducerState found = admin.describeProducers(List.of(place)).partitionResult(place)
                .get().activeProducers().stream()
                .filter(one -> one.currentTransactionStartOffset().isPresent()).findFirst().get();
            // With an epoch for each transaction a marker has to have the next one.
            admin.abortTransaction(new AbortTransactionSpec(
                place, found.producerId(), (short) (found.producerEpoch() + 1),
                found.coordinatorEpoch().orElse(0))).all().get();
            expect(admin.describeProducers(List.of(place)).partitionResult(place).get()
                .activeProducers().stream()
                .noneMatch(one -> one.currentTransactionStartOffset().isPresent()), "still open");
        }
    }
}
