"""Numbered records of idempotent producers with acks=all, and what must be found of them."""

import subprocess
import threading
import time

import confluent_kafka

import readers
from martlet_server import BINARY


class Load(threading.Thread):
    """Produces numbered records to one partition, `burst` at a time with a pause between; remembers
    the offset of each acknowledged one."""

    def __init__(self, server, topic, partition, pause=0.0005, burst=1, **settings):
        super().__init__(daemon=True)  # a test that fails before its end ends it
        self.topic, self.partition, self.pause, self.burst = topic, partition, pause, burst
        self.acknowledged, self.without_offset, self.failed = {}, set(), []
        self.longest_pause, self.last_delivery = 0.0, None
        self.ending = threading.Event()
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": server.bootstrap, "enable.idempotence": True, "acks": "all",
            "delivery.timeout.ms": 300_000, "socket.timeout.ms": 5000, "linger.ms": 1,
            "batch.num.messages": 50,
            "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100,
            "retry.backoff.ms": 10, "log_level": 0, **settings})

    def delivered(self, error, message):
        now = time.monotonic()
        if error:
            self.failed.append(error)
            return
        if message.offset() is None:  # librdkafka was told that it is a duplicate, not of what
            self.without_offset.add(message.value())
        else:
            self.acknowledged[message.offset()] = message.value()
        if self.last_delivery is not None:
            self.longest_pause = max(self.longest_pause, now - self.last_delivery)
        self.last_delivery = now

    def take_longest_pause(self):
        """The longest time without a delivery since this was asked before, in seconds."""
        longest, self.longest_pause = self.longest_pause, 0.0
        return longest

    def rest(self):
        end = time.monotonic() + self.pause
        while (left := end - time.monotonic()) > 0:
            self.producer.poll(left)

    def run(self):
        number = 0
        while not self.ending.is_set():
            value = b"%d %d " % (self.partition, number) + b"x" * (number % 700)
            try:
                self.producer.produce(
                    self.topic, value, partition=self.partition, on_delivery=self.delivered)
                number += 1
            except BufferError:  # full while the node is down: deliveries make room
                self.producer.poll(0.1)
            if number % self.burst == 0:
                self.rest()
        self.count = number
        self.left = self.producer.flush(60)


class Program:
    """A program that works until its input ends; then its lines, split."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def lines(self):
        output, errors = self.process.communicate("end\n", timeout=120)
        assert self.process.returncode == 0, f"{self.name}: {(output + errors)[-4000:]}"
        return [line.split(" ") for line in output.splitlines()]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class JavaProgram(Program):
    """One of tests-clients/java."""

    def __init__(self, java, program, *arguments):
        super().__init__(program, [*java.command(program), *arguments])


class SwiftProgram(Program):
    """What Examples/RecordPipe can do."""

    def __init__(self, *arguments):
        super().__init__(arguments[0], [BINARY.parent / "record-pipe", *arguments])


class ProgramLoad:
    """A load as `check` looks at it, by a program that prints "OFFSET NUMBER" at its end."""

    def __init__(self, program, topic, partition):
        self.program, self.topic, self.partition = program, topic, partition
        self.without_offset = set()

    def join(self):
        lines = self.program.lines()
        self.count, self.left = len(lines), 0
        self.acknowledged = {
            int(offset): b"%d %s" % (self.partition, number.encode()) for offset, number in lines}


class Follower(threading.Thread):
    """Reads a topic with librdkafka while it is written, until it is told to end and has all."""

    def __init__(self, server, topic, partitions):
        super().__init__(daemon=True)  # a test that fails before its end ends it
        self.partitions = [confluent_kafka.TopicPartition(
            topic, number, confluent_kafka.OFFSET_BEGINNING) for number in range(partitions)]
        self.ending, self.lines, self.failed = threading.Event(), [], []
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": server.bootstrap, "group.id": "unused",
            "enable.auto.commit": False, "auto.offset.reset": "error", "socket.timeout.ms": 5000,
            "reconnect.backoff.max.ms": 500, "log_level": 0})

    def run(self):
        self.consumer.assign(self.partitions)
        seen = [0] * len(self.partitions)
        while not (self.ending.is_set() and seen == self.ends()) and not self.failed:
            message = self.consumer.poll(0.5)
            if message is None:
                continue
            if message.error():
                self.failed.append(message.error())
                continue
            seen[message.partition()] = message.offset() + 1
            number = int(message.value().split(b" ")[1])
            self.took(message.partition(), message.offset(), number)
        self.consumer.close()

    def took(self, *line):
        self.lines.append(line)

    def ends(self):
        return [self.consumer.get_watermark_offsets(one, timeout=30)[1] for one in self.partitions]


def check(server, loads, followed=(), all_have_offsets=True):
    """Every acknowledged record is there, once, in order, at its offset; a load is one partition.
    What each reader of the whole time saw, (partition, offset, number), is the same. Apache Kafka
    may forget the offsets of a producer's batches but the last one's when it is started again."""
    seen = readers.with_confluent(server.bootstrap, loads[0].topic, len(loads))
    assert [load.left for load in loads] == [0] * len(loads), "records that were not taken within 60 s"
    for load in loads:
        stored = {one.offset: one.value for one in seen if one.partition == load.partition}
        assert not (load.without_offset and all_have_offsets), load.without_offset
        assert len(load.acknowledged) + len(load.without_offset) == load.count
        told = load.acknowledged | {
            offset: value for offset, value in stored.items() if value in load.without_offset}
        differing = [
            (offset, told.get(offset, b"none")[:20], stored.get(offset, b"none")[:20])
            for offset in sorted(stored.keys() | told.keys())
            if stored.get(offset) != told.get(offset)]
        assert not differing, f"{len(differing)}: (offset, acknowledged, stored) {differing[:8]}"
        numbers = [int(value.split(b" ")[1]) for value in stored.values()]
        assert numbers == [*range(load.count)]
    expected = [(one.partition, one.offset, int(one.value.split(b" ")[1])) for one in seen]
    for lines in followed:
        assert sorted(lines) == expected
