"""Records what confluent-kafka clients ask for and are told as a history for `martlet check-history`.

    recorder = Recorder(path)
    producer = RecordingProducer(recorder, "p1", {"bootstrap.servers": ...})
    producer.produce("topic", partition=0)
    recorder.read_all("topic", partitions, bootstrap)
    recorder.close()

docs/HISTORY.md describes the lines. Stands alone: it needs nothing but confluent-kafka.
"""

import collections
import itertools
import json
import threading

import confluent_kafka
from confluent_kafka import KafkaError, TopicPartition

# Errors after which librdkafka cannot tell whether the record was written.
UNKNOWN_OUTCOMES = {
    KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TRANSPORT,
    KafkaError._PURGE_INFLIGHT, KafkaError.REQUEST_TIMED_OUT, KafkaError._FATAL,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, KafkaError._OUTDATED}


class Recorder:
    """A file of JSON lines that several threads may write to."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.file = open(path, "w", encoding="utf-8")
        self.readers = itertools.count(1)
        self.noted = collections.Counter()

    def note(self, type, **fields):
        line = json.dumps({"type": type, **{k: v for k, v in fields.items() if v is not None}},
                          separators=(",", ":"))
        with self.lock:
            self.file.write(line + "\n")
            self.noted[type] += 1

    def close(self):
        self.file.close()

    def read_all(self, topic, partitions, bootstrap, isolation="read_committed", **config):
        """Reads each partition from its begin to its end with a fresh reader."""
        consumer = RecordingConsumer(
            self, f"reader-{next(self.readers)}",
            {"bootstrap.servers": bootstrap, "group.id": "history", "isolation.level": isolation,
             "enable.partition.eof": True, **config})
        consumer.assign([TopicPartition(topic, number, confluent_kafka.OFFSET_BEGINNING)
                         for number in range(partitions)])
        ended = set()
        while len(ended) < partitions:
            consumer.poll(1.0, ended)
        consumer.close()


class RecordingProducer:
    """A producer whose records are numbered and noted; transactional if the config says so."""

    def __init__(self, recorder, process, config):
        self.recorder, self.process = recorder, process
        self.numbers, self.transactions = itertools.count(), itertools.count()
        self.is_idempotent = (
            config.get("enable.idempotence", False) or "transactional.id" in config)
        self.producer = confluent_kafka.Producer({"log_level": 0, **config})
        self.transaction = None
        if "transactional.id" in config:
            self.producer.init_transactions(60)

    def produce(self, topic, partition=-1, padding=0):
        """Sends a record; waits while the producer's queue is full. The record's value."""
        value = f"{self.process}-{next(self.numbers)}"
        self.recorder.note(
            "produce", process=self.process, value=value, topic=topic, txn=self.transaction,
            idempotent=None if self.is_idempotent else False)
        while True:
            try:
                self.producer.produce(
                    topic, (value + " " + "x" * padding).encode(), partition=partition,
                    on_delivery=lambda error, message: self._delivered(value, error, message))
                return value
            except BufferError:
                self.producer.poll(0.1)

    def _delivered(self, value, error, message):
        if error is None:
            self.recorder.note(
                "acked", value=value, partition=message.partition(), offset=message.offset())
        elif error.code() not in UNKNOWN_OUTCOMES and not self.transaction:
            self.recorder.note("failed", value=value)

    def poll(self, seconds=0):
        self.producer.poll(seconds)

    def flush(self, seconds=60):
        return self.producer.flush(seconds)

    def begin(self):
        self.transaction = f"{self.process}-txn-{next(self.transactions)}"
        self.recorder.note("begin", txn=self.transaction)
        self.producer.begin_transaction()

    def end(self, commits, seconds=60):
        """Ends the transaction, by an abort also where the client cannot commit. Whether it did."""
        name = self.transaction
        try:
            if commits:
                self.producer.flush(seconds)
                self.recorder.note("commit", txn=name)
                self._retried(self.producer.commit_transaction, seconds)
        except confluent_kafka.KafkaException as failure:
            if not failure.args[0].txn_requires_abort():
                raise
            commits = False
        if not commits:
            self.recorder.note("abort", txn=name)
            self._retried(self.producer.abort_transaction, seconds)
        self.recorder.note("committed" if commits else "aborted", txn=name)
        self.transaction = None
        return commits

    def _retried(self, call, seconds):
        while True:
            try:
                return call(seconds)
            except confluent_kafka.KafkaException as failure:
                if not failure.args[0].retriable():
                    raise


class RecordingConsumer:
    """A consumer of assigned partitions whose reads are noted."""

    def __init__(self, recorder, reader, config):
        self.recorder, self.reader = recorder, reader
        self.isolation = config.get("isolation.level", "read_committed")
        self.group = config["group.id"]
        self.consumer = confluent_kafka.Consumer(
            {"log_level": 0, "enable.auto.commit": False, "auto.offset.reset": "earliest",
             **config})

    def assign(self, partitions):
        for one in partitions:
            self.recorder.note(
                "seek", reader=self.reader, topic=one.topic, partition=one.partition,
                offset=max(0, one.offset), isolation=self.isolation)
        self.consumer.assign(partitions)

    def poll(self, seconds, ended=None):
        """The next message; partitions that have ended are added to `ended`."""
        message = self.consumer.poll(seconds)
        if message is None:
            return None
        at = dict(reader=self.reader, topic=message.topic(), partition=message.partition(),
                  offset=message.offset())
        if not message.error():
            self.recorder.note("read", value=message.value().decode().split(" ")[0], **at)
            return message
        if message.error().code() == KafkaError._PARTITION_EOF:
            self.recorder.note("end", **at)
            if ended is not None:
                ended.add(message.partition())
        return None

    def commit(self, topic, partition, offset):
        """Commits an offset of the group and notes it; False when nobody knows what came of it."""
        fields = dict(group=self.group, topic=topic, partition=partition, offset=offset)
        self.recorder.note("offset-commit", **fields)
        try:
            self.consumer.commit(
                offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
        except confluent_kafka.KafkaException:
            return False
        self.recorder.note("offset-committed", **fields)
        return True

    def committed(self, topic, partition, seconds=30):
        found = self.consumer.committed([TopicPartition(topic, partition)], seconds)[0]
        self.recorder.note(
            "offset-fetched", group=self.group, topic=topic, partition=partition,
            offset=max(-1, found.offset))
        return found.offset

    def close(self):
        self.consumer.close()
