"""Several real nodes on free ports: formatted, started, killed, paused, wiped, cut off. Some may be
Apache Kafka's, where KAFKA_HOME names its directory."""

import base64
import os
import pathlib
import shutil
import signal
import subprocess
import time

import wire
from fault_proxy import FaultProxy
from martlet_server import BINARY, Server, free_port, wait_for

CLUSTER_ID = "bWFydGxldC1jbHVzdGVyMQ"
KAFKA_HOME = os.environ.get("KAFKA_HOME")
# Faults heal within a test's patience; a session is still far longer than a pause of the machine.
DEFAULTS = {
    "offsets.topic.num.partitions": 3, "transaction.state.log.num.partitions": 3,
    "default.replication.factor": 3, "min.insync.replicas": 2,
    "group.initial.rebalance.delay.ms": 0,
}


class Martlet:
    """What runs a node."""

    orderly_exit = 0

    def server(self, config):
        return [str(BINARY), "server", "--config", str(config)]

    def storage_tool(self):
        return [str(BINARY), "storage"]


class Apache:
    """Apache Kafka in its place, under the same configuration."""

    orderly_exit = 128 + signal.SIGTERM

    def server(self, config):
        return [self.script("server-start"), str(config)]

    def storage_tool(self):
        return [self.script("storage")]

    def script(self, name):
        return str(pathlib.Path(KAFKA_HOME) / f"bin/kafka-{name}.sh")


class Node(Server):
    """One node of a cluster; others and clients reach it through its proxies where it has any."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.roles = cluster.roles[number - 1]
        self.software = Apache() if number in cluster.apache else Martlet()
        self.controller_port = free_port()
        super().__init__(cluster.folder / f"node-{number}", free_port())
        self.proxies = []
        self.advertised, self.advertised_controller = self.port, self.controller_port
        if cluster.proxied:
            self.proxies = [FaultProxy(self.port), FaultProxy(self.controller_port)]
            self.advertised, self.advertised_controller = (proxy.port for proxy in self.proxies)

    def write_config(self, settings={}):
        """With everything that the command line would override."""
        voters = ",".join(
            f"{'' if self.cluster.dynamic else f'{one.number}@'}127.0.0.1:{one.advertised_controller}"
            for one in self.cluster.nodes if one.is_controller)
        ports = ([("PLAINTEXT", self.port, self.advertised)] if self.is_broker else []) + (
            [("CONTROLLER", self.controller_port, self.advertised_controller)]
            if self.is_controller else [])
        self.overrides = {
            "process.roles": self.roles,
            "node.id": self.number,
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port, _ in ports),
            "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, _, port in ports),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            self.cluster.quorum_key: voters,
            "log.dirs": self.folder / "data",
        } | DEFAULTS | self.cluster.settings | settings
        lines = [f"{key}={value}\n" for key, value in self.overrides.items()]
        self.config.write_text("".join(lines))

    @property
    def is_broker(self):
        return "broker" in self.roles

    @property
    def is_controller(self):
        return "controller" in self.roles

    def answers(self):
        """Whether it answers clients, or other nodes where it serves no clients."""
        assert self.process.poll() is None, f"the server ended:\n{self.tail()}"
        try:
            return wire.api_versions(self.port if self.is_broker else self.controller_port)
        except OSError:
            return None

    @property
    def config(self):
        return self.folder / "server.properties"

    def command(self):
        return self.software.server(self.config)

    @property
    def orderly_exit(self):
        return self.software.orderly_exit

    def format(self, *flags):
        if self.cluster.dynamic and not flags:
            flags = ["--no-initial-controllers"]
        command = [*self.software.storage_tool(), "format", "--cluster-id", CLUSTER_ID]
        subprocess.run(
            [*command, "--config", self.config, *flags], check=True, capture_output=True, text=True)

    def directory_id(self):
        """The id of the directory that holds the metadata log, as its 16 bytes."""
        for line in (self.folder / "data" / "meta.properties").read_text().splitlines():
            if line.startswith("directory.id="):
                return base64.urlsafe_b64decode(line.split("=", 1)[1].replace("\\", "") + "==")
        raise AssertionError("no directory.id")

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def spawn_again(self):
        """Starts it after a kill and does not wait."""
        assert not self.is_up()
        self.spawn()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        if self.is_up():
            self.process.send_signal(signal.SIGCONT)

    def kill(self):
        super().kill()

    def wipe(self):
        """An empty disk, formatted anew."""
        assert not self.is_up()
        shutil.rmtree(self.folder / "data")
        self.format()

    def cut_off(self):
        """Nobody reaches it and it reaches nobody."""
        for node in self.cluster.nodes:
            for proxy in node.proxies:
                proxy.cut(None if node is self else self.number)

    def heal(self):
        for node in self.cluster.nodes:
            for proxy in node.proxies:
                proxy.heal()


class Cluster:
    """Nodes with a static quorum, or one of changing voters that begins with node 1 (`dynamic`):
    `size` combined ones unless `roles` has `process.roles` of each; `proxied` ones can be cut off;
    those whose numbers `apache` has are Apache Kafka's."""

    def __init__(
            self, folder, size=3, proxied=False, roles=None, dynamic=False, apache=(), **settings):
        self.dynamic = dynamic
        self.apache = apache
        self.quorum_key = f"controller.quorum.{'bootstrap.servers' if dynamic else 'voters'}"
        self.roles = roles or ["broker,controller"] * size
        self.folder, self.proxied = folder, proxied
        self.settings = {key.replace("_", "."): value for key, value in settings.items()}
        folder.mkdir(parents=True, exist_ok=True)
        self.nodes = []
        self.nodes += [Node(self, number) for number in range(1, len(self.roles) + 1)]
        for node in self.nodes:
            node.write_config()

    @property
    def bootstrap(self):
        return ",".join(f"127.0.0.1:{node.advertised}" for node in self.nodes if node.is_broker)

    @property
    def bootstrap_controllers(self):
        return ",".join(
            f"127.0.0.1:{node.advertised_controller}" for node in self.nodes if node.is_controller)

    def start(self, seconds=30.0):
        for node in self.nodes:
            node.format(*(["--standalone"] if self.dynamic and node.number == 1 else []))
            node.spawn()
        wait_for(lambda: self.brokers() == self.size, f"{self.size} brokers", seconds)

    def add(self, roles="broker", seconds=30.0, count=None, **settings):
        """One more node, started; a controller is no voter until it is made one. Waits for all
        brokers, or for `count`."""
        self.roles.append(roles)
        node = Node(self, len(self.roles))
        self.nodes.append(node)
        node.write_config({key.replace("_", "."): value for key, value in settings.items()})
        node.format()
        node.spawn()
        count = count or self.size
        wait_for(lambda: self.brokers() == count, f"{count} brokers", seconds)
        return node

    @property
    def size(self):
        """How many brokers there are when all is well."""
        return sum(node.is_broker for node in self.nodes)

    def brokers(self):
        """How many brokers every node knows of that is up and answers."""
        counts = [self._brokers(node) for node in self.nodes if node.is_up() and node.is_broker]
        return min(counts, default=0)

    def _brokers(self, node):
        try:
            return len(wire.brokers(node.port))
        except OSError:
            return 0

    def healed(self, seconds=60.0):
        """Waits until all nodes serve and every partition has all of its replicas in sync, and
        goes on to for a second: what a fault has just broken may not be known everywhere yet."""
        deadline = time.monotonic() + seconds
        good_since = None
        while good_since is None or time.monotonic() - good_since < 1:
            problem = self.problem()
            if problem:
                good_since = None
                assert time.monotonic() < deadline, f"{problem} after {seconds} s\n{self.tails()}"
            elif good_since is None:
                good_since = time.monotonic()
            time.sleep(0.05)

    def problem(self):
        """What is not as it should be; empty when all is well."""
        count = self.brokers()
        if count != self.size:
            return f"{count} brokers"
        lagging = self.lagging()
        return f"not in sync: {sorted(lagging)}" if lagging else ""

    def lagging(self):
        """Partitions whose in-sync set is not full, as the nodes that are up say; all of them."""
        found = set()
        for node in self.nodes:
            if node.is_up() and node.is_broker:
                try:
                    found |= wire.lagging_partitions(node.port)
                except OSError:
                    found.add((f"node {node.number} does not answer", -1))
        return found

    def node(self, number):
        return self.nodes[number - 1]

    def controller(self):
        """The number of the active controller, as the brokers tell; `None` without one."""
        for node in self.nodes:
            if node.is_up() and node.is_controller:
                try:
                    number = wire.controller(node.controller_port)
                except OSError:
                    continue
                if number > 0:
                    return number
        return None

    def leader(self, topic, partition=0):
        """The number of the node that leads a partition; waits for one."""
        up = next(node for node in self.nodes if node.is_up() and node.is_broker)

        def found():
            shown = wire.metadata(up.port)[1].get((topic, partition), (-1,))
            return max(0, shown[0])

        return wait_for(found, f"leader of {topic}-{partition}")

    def tails(self):
        return "\n".join(f"node {node.number}:\n{node.tail(12)}" for node in self.nodes)

    def stop(self):
        """In order: brokers before those that only vote; Apache's first, for they do not end without
        a controller."""
        def order(node):
            return (not node.is_broker, isinstance(node.software, Martlet), -node.number)

        for node in sorted(self.nodes, key=order):
            node.stop(60)
        self.close()

    def close(self):
        """Ends whatever is left."""
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                os.kill(node.process.pid, signal.SIGCONT)
            node.kill()
            for proxy in node.proxies:
                proxy.close()
