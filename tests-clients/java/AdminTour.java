import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.StringSerializer;

/** Walks through Java's Admin against a server and prints "done": AdminTour BOOTSTRAP TOPIC. */
public class AdminTour {
    private static Admin admin;
    private static String topic;

    public static void main(String[] arguments) throws Exception {
        topic = arguments[1];
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0], "default.api.timeout.ms", "30000");
        try (Admin connected = Admin.create(settings)) {
            admin = connected;
            topics();
            configs();
            offsets(arguments[0]);
            clusterAndDirectories();
            admin.deleteTopics(List.of(topic)).all().get();
            refused(UnknownTopicOrPartitionException.class,
                () -> admin.describeTopics(List.of(topic)).allTopicNames().get());
        }
        System.out.println("done");
    }

    private static void topics() throws Exception {
        var created = admin.createTopics(List.of(new NewTopic(topic, Optional.of(2), Optional.empty())));
        created.all().get();
        same("partitions", 2, created.numPartitions(topic).get());
        refused(TopicExistsException.class,
            () -> admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get());
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
        TopicDescription found = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        same("described partitions", 3, found.partitions().size());
        same("topic id", created.topicId(topic).get(), found.topicId());
        for (var partition : found.partitions()) same("in sync", 1, partition.isr().size());
        same("listed", true, admin.listTopics().names().get().contains(topic));
    }

    private static void configs() throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        var set = new AlterConfigOp(new ConfigEntry("retention.ms", "4711"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.<ConfigResource, Collection<AlterConfigOp>>of(
            resource, List.of(set))).all().get();
        var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        Config config = admin.describeConfigs(List.of(resource), options).all().get().get(resource);
        ConfigEntry retention = config.get("retention.ms");
        same("value", "4711", retention.value());
        same("source", ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, retention.source());
        same("type", ConfigEntry.ConfigType.LONG, retention.type());
        same("documented", true, retention.documentation() != null && !retention.documentation().isEmpty());
        same("synonyms", true, retention.synonyms().size() >= 1);
        var wrong = new AlterConfigOp(new ConfigEntry("retention.ms", "x"), AlterConfigOp.OpType.SET);
        refused(InvalidConfigurationException.class,
            () -> admin.incrementalAlterConfigs(Map.<ConfigResource, Collection<AlterConfigOp>>of(
                resource, List.of(wrong))).all().get());
        same("resources", true, admin.listConfigResources().all().get().contains(resource));
    }

    private static void offsets(String bootstrap) throws Exception {
        var partition = new TopicPartition(topic, 0);
        var text = new StringSerializer();
        try (var producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap), text, text)) {
            for (int index = 0; index < 20; index++) {
                producer.send(new ProducerRecord<>(topic, 0, 1000L + index, "k", "v" + index)).get();
            }
        }
        same("latest", 20L, offset(partition, OffsetSpec.latest()));
        same("earliest", 0L, offset(partition, OffsetSpec.earliest()));
        same("by time", 7L, offset(partition, OffsetSpec.forTimestamp(1007)));
        same("newest time", 19L, offset(partition, OffsetSpec.maxTimestamp()));
        same("local", 0L, offset(partition, OffsetSpec.earliestLocal()));
        var deleted = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(5)));
        same("low watermark", 5L, deleted.lowWatermarks().get(partition).get().lowWatermark());
        same("earliest after deletion", 5L, offset(partition, OffsetSpec.earliest()));
        var states = admin.describeProducers(Set.of(partition)).all().get().get(partition);
        same("producers", 1, states.activeProducers().size());
    }

    private static long offset(TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).all().get().get(partition).offset();
    }

    private static void clusterAndDirectories() throws Exception {
        DescribeClusterResult cluster = admin.describeCluster();
        int node = cluster.controller().get().id();
        same("nodes", 1, cluster.nodes().get().size());
        Map<String, LogDirDescription> folders =
            admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node);
        boolean holds = folders.values().stream()
            .anyMatch(one -> one.replicaInfos().containsKey(new TopicPartition(topic, 0)));
        same("log directory holds the topic", true, holds);
        FeatureMetadata features = admin.describeFeatures().featureMetadata().get();
        same("metadata version", true, features.finalizedFeatures().containsKey("metadata.version"));
    }

    private interface Call { void run() throws Exception; }

    private static void refused(Class<?> error, Call call) throws Exception {
        try {
            call.run();
        } catch (ExecutionException refusal) {
            same("error", error, refusal.getCause().getClass());
            return;
        }
        throw new AssertionError("expected " + error);
    }

    private static void same(String what, Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }
}
