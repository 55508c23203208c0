"""Measures a release server and prints a Markdown table (docs/PERFORMANCE.md).

Sizes by environment: GB=10 of 1 KiB messages, TOPIC_PARTITIONS=10000, ROUNDS=3 (medians of so many),
SECONDS=10 of each round trip, ONLY="cold_start throughput" (all parts without it).
`GB=1 TOPIC_PARTITIONS=1000 ROUNDS=1 SECONDS=3 make bench` is a quick run.
"""

import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests-clients"))

from confluent_kafka import Producer  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

import consumer_group  # noqa: E402
import group_load  # noqa: E402
import wire  # noqa: E402
from cluster import Cluster  # noqa: E402
from martlet_server import Server, wait_for  # noqa: E402

GB = float(os.environ.get("GB", "10"))
PARTITIONS = int(os.environ.get("TOPIC_PARTITIONS", "10000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = int(os.environ.get("SECONDS", "10"))
SIZE, RATE = 1024, 1000
COUNT = int(GB * 1e9 / SIZE)
LOAD = ROOT / ".build/bench/load"
TRANSACTIONS = ROOT / ".build/bench/transactions"
LIBRDKAFKA = ROOT / ".build/bench/client"
SWIFT = ROOT / ".build/release/client-load"
rows = []


def row(what, unit, target, values):
    values = [value for value in values if value is not None]
    line = (what, f"{statistics.median(values):.3g} {unit}", target,
            f"{min(values):.3g}-{max(values):.3g}")
    rows.append(line)
    print("  ", *line, file=sys.stderr, flush=True)


def load(*arguments, **options):
    done = subprocess.run([LOAD, *map(str, arguments)], check=True, stdout=subprocess.PIPE, **options)
    return [float(word) for word in done.stdout.split()]


def create(server, topics, partitions):
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    wanted = [NewTopic(name, partitions, 1) for name in topics]
    for future in admin.create_topics(wanted, request_timeout=120).values():
        future.result(120)


def acknowledged(server, topic, partition, seconds=60):
    """Waits until the partition takes a record; the seconds that took."""
    begun = time.monotonic()
    request = wire.produce(topic, partition, wire.record_batch([b"x"]))
    while time.monotonic() - begun < seconds:
        with wire.connect(server.port) as connection:
            connection.sendall(request)
            if wire.produce_result(wire.read_frame(connection))[0] == 0:
                return time.monotonic() - begun
        time.sleep(0.002)
    raise AssertionError(f"{topic}-{partition} took no record within {seconds} s")


def cold_start(folder):
    first, again, idle = [], [], []
    for number in range(5 * ROUNDS):
        server = Server(folder / f"cold-{number}")
        first.append(server.start() * 1000)
        server.stop()
        again.append(server.start() * 1000)
        if number < ROUNDS:
            time.sleep(2)  # what is idle is measured after a while of nothing
            idle.append(server.resident_bytes() / 1e6)
        server.stop()
    row("cold start to first ApiVersions answer, formatted directory", "ms", "< 50", again)
    row("cold start to first ApiVersions answer, empty directory", "ms", "", first)
    row("idle resident memory", "MB", "< 30", idle)


def produce_cpu(folder):
    """Server CPU seconds per GB taken in with martlet.durability=replicated."""
    server = Server(folder, **{"martlet.durability": "replicated"})
    server.start()
    create(server, ["flood"], 4)
    before = server.cpu_seconds()
    load("produce", server.bootstrap, "flood", 4, COUNT, SIZE, 1)
    spent = (server.cpu_seconds() - before) / GB
    server.stop()
    shutil.rmtree(server.folder)
    return spent


def throughput(folder):
    figures = {name: [] for name in (
        "in", "replicated", "floor", "out", "rate in", "rate out", "memory", "restart", "record")}
    for number in range(ROUNDS):
        figures["floor"] += load("floor", folder / "floor", int(GB * 1000))
        (folder / "floor").unlink()
        figures["replicated"].append(produce_cpu(folder / f"replicated-{number}"))
        server = Server(folder / f"load-{number}")
        server.start()
        create(server, ["flood"], 4)
        for mode, extra in (("in", ["produce", SIZE, 1]), ("out", ["consume"])):
            before = server.cpu_seconds()
            seconds, = load(extra[0], server.bootstrap, "flood", 4, COUNT, *extra[1:])
            figures[mode].append((server.cpu_seconds() - before) / GB)
            figures["rate " + mode].append(GB * 1000 / seconds)
            if mode == "in":
                figures["memory"].append(server.resident_bytes() / 1e6)
        server.kill()
        figures["restart"].append(server.start() * 1000)
        figures["record"].append(figures["restart"][-1] + acknowledged(server, "flood", 0) * 1000)
        server.stop()
        shutil.rmtree(server.folder)
    row("CPU of the least server in C: socket to page cache", "s/GB", "", figures["floor"])
    row("server CPU, produce of 1 KiB messages, acks=1, flushed", "s/GB", "<= 0.7", figures["in"])
    row("the same, replicated", "s/GB", "<= 0.7", figures["replicated"])
    row("server CPU, fetch", "s/GB", "<= 0.3", figures["out"])
    row("produce, client on the same cores", "MB/s", "", figures["rate in"])
    row("fetch, client on the same cores", "MB/s", "", figures["rate out"])
    row(f"resident memory after {GB:g} GB produced", "MB", "< 150", figures["memory"])
    row(f"restart with {GB:g} GB of log after kill -9, to first answer", "ms", "< 1000",
        figures["restart"])
    row("the same, to first acknowledged record", "ms", "", figures["record"])


def round_trips(folder):
    file = folder / "fdatasync"
    samples = [load("fdatasync", file, RATE, RATE * SECONDS, SIZE) for _ in range(ROUNDS)]
    file.unlink()
    disk = statistics.median(p99 for _, p99 in samples)
    row("fdatasync of a 1 KiB append, p50", "us", "", [p50 for p50, _ in samples])
    row("fdatasync of a 1 KiB append, p99", "us", "", [p99 for _, p99 in samples])
    request = wire.produce("trip", 0, wire.record_batch([b"x" * SIZE]))
    for durability, target in (("replicated", "< 300"), ("flushed", f"< {2 * disk:.0f} (2 x fdatasync)")):
        server = Server(folder / durability, **{"martlet.durability": durability})
        server.start()
        create(server, ["trip"], 1)
        acknowledged(server, "trip", 0)
        bare = [load("roundtrip", server.port, RATE, RATE * SECONDS, input=request)
                for _ in range(ROUNDS)]
        through = [load("latency", server.bootstrap, "trip", RATE, RATE * SECONDS, SIZE)
                   for _ in range(ROUNDS)]
        server.stop()
        for name, figures in (("bare socket", bare), ("librdkafka", through)):
            row(f"produce round trip, {durability}, {name}, p50", "us", "", [p50 for p50, _ in figures])
            row(f"produce round trip, {durability}, {name}, p99", "us", target,
                [p99 for _, p99 in figures])


def transactions(folder):
    for durability, target in (("replicated", "> 5000"), ("flushed", "")):
        server = Server(folder / f"transactions-{durability}", **{"martlet.durability": durability})
        server.start()
        create(server, ["small"], 12)
        # Has the coordinator's topic made.
        Producer({"bootstrap.servers": server.bootstrap, "transactional.id": "first"}
                 ).init_transactions(60)
        figures, cores = [], []
        for _ in range(ROUNDS):
            cpu = server.cpu_seconds()
            done = subprocess.run(
                [TRANSACTIONS, str(server.port), "small", "12", "64", str(SECONDS)], check=True,
                stdout=subprocess.PIPE)
            cores.append((server.cpu_seconds() - cpu) / SECONDS)
            figures.append([float(word) for word in done.stdout.split()])
        server.stop()
        what = f"transactions of one record, 64 producers, {durability}"
        row(what, "/s", target, [rate for rate, _, _ in figures])
        row(f"{what}, p99", "ms", "", [p99 for _, _, p99 in figures])
        row(f"{what}, server", "cores", "", cores)


def offset_commits(folder):
    for durability in ("replicated", "flushed"):
        server = Server(folder / f"commits-{durability}", **{"martlet.durability": durability})
        server.start()
        create(server, ["commits"], 1)
        group_load.found_coordinator(server.port, "commits")
        request = group_load.commit_request("commits", "commits", 0, 1)
        load("flood", server.port, 8, 32, 20_000, input=request)
        rates, costs = [], []
        for _ in range(ROUNDS):
            before, count = server.cpu_seconds(), 50_000 * SECONDS // 5
            seconds, = load("flood", server.port, 8, 32, count, input=request)
            rates.append(count / seconds)
            costs.append(count / (server.cpu_seconds() - before))
        server.stop()
        row(f"offset commits of one partition, {durability}, client on the same cores", "/s", "", rates)
        row(f"offset commits for each second of server CPU, {durability}", "/s", ">= 50000", costs)


def heartbeats(folder):
    server = Server(folder / "beats", **{"group.initial.rebalance.delay.ms": 1000})
    server.start()
    frames = group_load.form_groups(server.port, 1000, 10)
    shares = []
    for _ in range(ROUNDS):
        beat = subprocess.Popen(
            [LOAD, "beat", str(server.port), "3000", str(SECONDS)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        beat.stdin.write(b"".join(frames))
        beat.stdin.close()
        assert beat.stdout.readline() == b"connected\n"
        before = server.cpu_seconds()
        answers, errors = map(int, beat.stdout.readline().split())
        shares.append(100 * (server.cpu_seconds() - before) / SECONDS)
        assert beat.wait() == 0
        assert errors == 0 and answers > 0.9 * len(frames) * SECONDS / 3, (answers, errors)
    server.stop()
    row("1000 groups of 10 members, a heartbeat each in 3 s, 10000 connections", "% of a core", "< 15", shares)


def many_partitions(folder):
    server = Server(folder / "many")
    server.start()
    idle = server.resident_bytes() / 1e6
    per_topic = min(1000, PARTITIONS)
    topics = [f"many-{number}" for number in range(PARTITIONS // per_topic)]
    for topic in topics:
        create(server, [topic], per_topic)
    server.stop()
    starts, ready, memory, files = [], [], [], []
    for _ in range(ROUNDS):
        starts.append(server.start(120) * 1000)
        ready.append(starts[-1] + acknowledged(server, topics[-1], per_topic - 1) * 1000)
        memory.append((server.resident_bytes() / 1e6 - idle) * 1000 / PARTITIONS)
        files.append(server.open_files())
        server.stop(120)
    row(f"{PARTITIONS} partitions: start to first answer", "ms", "< 2000", starts)
    row(f"{PARTITIONS} partitions: start to first acknowledged record", "ms", "", ready)
    row(f"{PARTITIONS} partitions: resident memory of each", "KB", "< 20", memory)
    row(f"{PARTITIONS} partitions: open files", "", "", files)


def consumer_groups(folder):
    settled = []
    for number in range(ROUNDS):
        server = Server(folder / f"groups-{number}", **consumer_group.SETTINGS)
        server.start()
        create(server, ["group"], 1000)
        settled.append(
            consumer_group.settle_after_losing_half(server.port, "group", 1000, 100) * 1000)
        server.stop()
    row("KIP-848 group of 100 over 1000 partitions: settled after 50 are lost", "ms", "< 5000",
        settled)


def image_scale(folder):
    """One controller's image of large clusters, 1000 brokers, replication factor 3."""
    tool = ROOT / ".build/release/imagescale"
    for partitions in (10_000, 100_000, 1_000_000):
        runs = [subprocess.run([tool, str(partitions)], check=True, stdout=subprocess.PIPE)
                for _ in range(ROUNDS)]
        memory, reading, deciding, replaying, writing, _ = zip(
            *([float(word) for word in run.stdout.split()] for run in runs))
        what = f"image of {partitions} partitions on 1000 brokers"
        row(f"{what}: memory of each", "bytes", "", memory)
        row(f"{what}: load from a snapshot", "ms", "< 10000", reading)
        row(f"{what}: decide over the loss of a broker", "ms", "", deciding)
        row(f"{what}: replay that decision", "ms", "", replaying)
        row(f"{what}: write a snapshot", "ms", "", writing)


@contextlib.contextmanager
def started(folder, **settings):
    """Three nodes, ended and removed at the end."""
    with contextlib.closing(Cluster(folder, **settings)) as cluster:
        cluster.start()
        yield cluster
    shutil.rmtree(folder)


def led_by_first(cluster, topic, partitions, factor):
    """A topic whose partitions are all led by the first node."""
    others = [node.number for node in cluster.nodes[1:]][:factor - 1]
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    wanted = NewTopic(topic, partitions, replica_assignment=[[1, *others]] * partitions)
    admin.create_topics([wanted])[topic].result(60)
    cluster.healed()


def replication(folder):
    """What followers cost a leader, and what three nodes sustain on the disk that they share."""
    leaders, alone, three = {1: [], 3: []}, [], []
    for number in range(ROUNDS):
        with started(folder / f"replicated-{number}", martlet_durability="replicated") as cluster:
            for factor in leaders:
                led_by_first(cluster, f"led-{factor}", 4, factor)
                before = cluster.nodes[0].cpu_seconds()
                load("produce", cluster.bootstrap, f"led-{factor}", 4, COUNT, SIZE, 1)
                cluster.healed()
                leaders[factor].append((cluster.nodes[0].cpu_seconds() - before) / GB)
        with started(folder / f"flushed-{number}") as cluster:
            for factor, rates in ((1, alone), (3, three)):
                topic = f"led-{factor}"
                led_by_first(cluster, topic, 4, factor)
                seconds, = load("produce", cluster.bootstrap, topic, 4, COUNT, SIZE, "all")
                rates.append(factor * GB * 1000 / seconds)
    row("leader's CPU for each follower, replicated", "s/GB", "< 0.4",
        [(three - one) / 2 for one, three in zip(leaders[1], leaders[3])])
    row("one replica, flushed, acks=all", "MB/s", "", alone)
    row("three replicas on one disk, flushed, acks=all: written in all", "MB/s",
        f">= {0.7 * statistics.median(alone):.0f} (70 % of one)", three)


def many_replicas(folder):
    """Three nodes that hold PARTITIONS * 2 partitions of replication factor 3."""
    count, per_topic = 2 * PARTITIONS, min(1000, 2 * PARTITIONS)
    with started(folder / "replicas") as cluster:
        measure_replicas(cluster, count, per_topic)


def measure_replicas(cluster, count, per_topic):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    begun = time.monotonic()
    for number in range(count // per_topic):
        name = f"many-{number}"
        admin.create_topics([NewTopic(name, per_topic, 3)], request_timeout=120)[name].result(120)
    wait_for(lambda: all(known(node) == count for node in cluster.nodes),
             "all partitions known everywhere", 300)
    cluster.healed(300)
    row(f"{count} partitions on 3 nodes: created and in sync", "s", "", [time.monotonic() - begun])
    row(f"{count} partitions on 3 nodes: resident memory of a node", "MB", "",
        [node.resident_bytes() / 1e6 for node in cluster.nodes])
    time.sleep(2)
    before = [node.cpu_seconds() for node in cluster.nodes]
    time.sleep(SECONDS)
    row(f"{count} idle partitions on 3 nodes: a node's CPU", "% of a core", "",
        [100 * (node.cpu_seconds() - old) / SECONDS for node, old in zip(cluster.nodes, before)])
    begun = time.monotonic()
    cluster.nodes[0].kill()
    wait_for(lambda: leads_nothing(cluster.nodes[1].port, 1), "other leaders", 120)
    row(f"{count} partitions on 3 nodes: all led by others after kill -9 of one", "s", "",
        [time.monotonic() - begun])
    begun = time.monotonic()
    cluster.nodes[0].spawn_again()
    cluster.healed(300)
    row(f"{count} partitions on 3 nodes: the killed one back in sync", "s", "",
        [time.monotonic() - begun])


def known(node):
    """How many partitions the node knows of."""
    return len(wire.metadata(node.port, 30)[1])


def leads_nothing(port, broker):
    """Whether the node at `port` knows of no partition that `broker` leads."""
    return all(leader not in (broker, -1) for leader, _, _ in wire.metadata(port)[1].values())


def swift_client(folder):
    """MartletClient and librdkafka by turns: the same records, to and from the same node."""
    server = Server(folder / "client", **{"martlet.durability": "replicated"})
    server.start()
    clients = {"Swift": SWIFT, "librdkafka": LIBRDKAFKA}
    figures = {}

    def run(name, mode, *arguments):
        done = subprocess.run([clients[name], mode, server.bootstrap, *map(str, arguments)],
                              check=True, stdout=subprocess.PIPE)
        first, second = map(float, done.stdout.split())
        figures.setdefault((mode, *arguments[2:], name), []).append((first, second))

    counts = {100: int(GB * 2e6), 1024: int(GB * 4e5)}
    for number in range(ROUNDS):
        for size, count in counts.items():
            for name in clients:
                topic = f"{name}-{size}-{number}"
                create(server, [topic], 1)
                run(name, "produce", topic, count, size)
                run(name, "consume", topic, count, size)
        for name in clients:
            create(server, [f"trip-{name}-{number}"], 1)
            run(name, "latency", f"trip-{name}-{number}", 1000 * SECONDS, 100)
    server.stop()
    for mode in ("produce", "consume"):
        for size in counts:
            for name in clients:
                found = figures[mode, size, name]
                row(f"{mode}, {size} B records, {name}", "/s", "", [rate for rate, _ in found])
                row("the same, CPU of the client", "ns/record", "", [cost for _, cost in found])
    for name in clients:
        found = figures["latency", 100, name]
        row(f"round trip with linger 0, {name}, p50", "us", "", [p50 for p50, _ in found])


PARTS = (cold_start, round_trips, transactions, offset_commits, heartbeats, many_partitions,
         consumer_groups, swift_client, image_scale, replication, many_replicas, throughput)


def chosen():
    names = os.environ.get("ONLY", "").split()
    unknown = set(names) - {part.__name__ for part in PARTS}
    if unknown:
        sys.exit(f"ONLY names {' '.join(sorted(unknown))}: there are {' '.join(p.__name__ for p in PARTS)}")
    return [part for part in PARTS if not names or part.__name__ in names]


def main():
    LOAD.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-o", LOAD, ROOT / "bench/load.c", "-lrdkafka"], check=True)
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-o", TRANSACTIONS, ROOT / "bench/transactions.c"], check=True)
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-o", LIBRDKAFKA, ROOT / "bench/client.c", "-lrdkafka"], check=True)
    with tempfile.TemporaryDirectory(dir=LOAD.parent) as name:
        folder = pathlib.Path(name)
        for part in chosen():
            part(folder)
    print("| what | median | target | range |\n|---|---|---|---|")
    for line in rows:
        print("| " + " | ".join(line) + " |")


main()
