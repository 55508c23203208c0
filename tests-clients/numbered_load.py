"""Numbered records of idempotent producers with acks=all, and what must be found of them."""

import threading
import time

import confluent_kafka

import readers


class Load(threading.Thread):
    """Produces numbered records to one partition; remembers the offset of each acknowledged one."""

    def __init__(self, server, topic, partition, pause=0.0005):
        super().__init__()
        self.topic, self.partition, self.pause = topic, partition, pause
        self.acknowledged, self.failed = {}, []
        self.longest_pause, self.last_delivery = 0.0, None
        self.ending = threading.Event()
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": server.bootstrap, "enable.idempotence": True, "acks": "all",
            "delivery.timeout.ms": 300_000, "socket.timeout.ms": 5000, "linger.ms": 1, "batch.num.messages": 50,
            "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100,
            "retry.backoff.ms": 10, "log_level": 0})

    def delivered(self, error, message):
        now = time.monotonic()
        if error:
            self.failed.append(error)
            return
        self.acknowledged[message.offset()] = message.value()
        if self.last_delivery is not None:
            self.longest_pause = max(self.longest_pause, now - self.last_delivery)
        self.last_delivery = now

    def take_longest_pause(self):
        """The longest time without a delivery since this was asked before, in seconds."""
        longest, self.longest_pause = self.longest_pause, 0.0
        return longest

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
            self.producer.poll(self.pause)
        self.count = number
        self.left = self.producer.flush(60)


def check(server, loads):
    """Every acknowledged record is there, once, in order, at its offset; a load is one partition."""
    seen = readers.with_confluent(server.bootstrap, loads[0].topic, len(loads))
    assert [load.left for load in loads] == [0] * len(loads), "records that were not taken within 60 s"
    for load in loads:
        stored = {one.offset: one.value for one in seen if one.partition == load.partition}
        assert len(load.acknowledged) == load.count
        assert stored == load.acknowledged
        numbers = [int(value.split(b" ")[1]) for value in stored.values()]
        assert numbers == [*range(load.count)]
