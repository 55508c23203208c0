import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** group_member.py with Java's client: GroupMember BOOTSTRAP GROUP TOPIC [key=value ...]. A topic
 * that begins with ^ is a pattern for the broker to resolve. */
public class GroupMember implements ConsumerRebalanceListener {
    private static volatile boolean stopping = false;

    public static void main(String[] arguments) throws Exception {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            try {
                main.join();
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        }));
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", arguments[0], "group.id", arguments[1],
            "auto.offset.reset", "earliest", "enable.auto.commit", "false",
            "reconnect.backoff.max.ms", "500"));
        for (int index = 3; index < arguments.length; index++) {
            String[] pair = arguments[index].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        // In the consumer protocol the broker says how often a member is to be heard of.
        if (!"consumer".equals(settings.get("group.protocol"))) {
            settings.putIfAbsent("session.timeout.ms", "10000");
            settings.putIfAbsent("heartbeat.interval.ms", "500");
        }
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            if (arguments[2].startsWith("^")) {
                consumer.subscribe(new SubscriptionPattern(arguments[2]), new GroupMember());
            } else {
                consumer.subscribe(List.of(arguments[2]), new GroupMember());
            }
            while (!stopping) take(consumer);
        }
        say("left", "");
    }

    private static void take(KafkaConsumer<byte[], byte[]> consumer) {
        var records = consumer.poll(Duration.ofMillis(100));
        if (records.isEmpty()) return;
        Map<TopicPartition, OffsetAndMetadata> commits = new HashMap<>();
        Map<Integer, Long> ends = new TreeMap<>();
        StringBuilder ranges = new StringBuilder();
        for (TopicPartition partition : records.partitions()) {
            var list = records.records(partition);
            long first = list.get(0).offset();
            long last = list.get(list.size() - 1).offset();
            if (ranges.length() > 0) ranges.append(",");
            ranges.append("[").append(partition.partition()).append(",").append(first).append(",")
                .append(last).append("]");
            commits.put(partition, new OffsetAndMetadata(last + 1));
            ends.put(partition.partition(), last + 1);
        }
        String text = ends.entrySet().stream()
            .map(one -> "\"" + one.getKey() + "\":" + one.getValue())
            .collect(Collectors.joining(",", "{", "}"));
        say("read", ",\"ranges\":[" + ranges + "]");
        say("committing", ",\"ends\":" + text);
        try {
            consumer.commitSync(commits, Duration.ofSeconds(30));
            say("committed", ",\"ends\":" + text);
        } catch (KafkaException refused) {
            say("refused", ",\"error\":\"" + refused.getClass().getSimpleName() + "\"");
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        tell("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        tell("revoked", partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        tell("lost", partitions);
    }

    private static void tell(String what, Collection<TopicPartition> partitions) {
        String numbers = partitions.stream().map(TopicPartition::partition).sorted()
            .map(String::valueOf).collect(Collectors.joining(",", "[", "]"));
        say(what, ",\"partitions\":" + numbers);
    }

    /** A line of JSON; `nanoTime` is the machine's monotonic clock, as in Python. */
    private static void say(String what, String details) {
        System.out.println(
            "{\"t\":" + System.nanoTime() / 1e9 + ",\"do\":\"" + what + "\"" + details + "}");
        System.out.flush();
    }
}
