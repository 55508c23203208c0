import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.errors.LogDirNotFoundException;

/**
 * Moves partition 0 of a topic to another log directory of its broker and prints where it is once it
 * has arrived: MoveReplica BOOTSTRAP TOPIC BROKER DIRECTORY.
 */
public class MoveReplica {
    public static void main(String[] arguments) throws Exception {
        var replica = new TopicPartitionReplica(arguments[1], 0, Integer.parseInt(arguments[2]));
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            try {
                admin.alterReplicaLogDirs(Map.of(replica, "/no/such/directory")).all().get();
                throw new AssertionError("an unknown directory was taken");
            } catch (ExecutionException refusal) {
                if (!(refusal.getCause() instanceof LogDirNotFoundException)) throw refusal;
            }
            admin.alterReplicaLogDirs(Map.of(replica, arguments[3])).all().get();
            while (true) {
                var info = admin.describeReplicaLogDirs(List.of(replica)).all().get().get(replica);
                if (arguments[3].equals(info.getCurrentReplicaLogDir())) {
                    if (info.getFutureReplicaLogDir() != null) throw new AssertionError("" + info);
                    System.out.println(info.getCurrentReplicaLogDir());
                    return;
                }
                Thread.sleep(5);
            }
        }
    }
}
