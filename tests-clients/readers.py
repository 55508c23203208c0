"""One topic as each client sees it: a list of Seen, ordered by partition and offset."""

import asyncio
import base64
import json
from typing import NamedTuple

import aiokafka
import confluent_kafka
import kafka


class Seen(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple


def with_confluent(bootstrap, topic, partitions, **settings):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
        "enable.partition.eof": True, "auto.offset.reset": "error",
        "topic.metadata.refresh.interval.ms": 1000} | settings)
    beginning = confluent_kafka.OFFSET_BEGINNING
    consumer.assign([confluent_kafka.TopicPartition(topic, p, beginning) for p in range(partitions)])
    seen, ended = [], set()
    while len(ended) < partitions:
        message = consumer.poll(30)
        assert message is not None, "nothing for 30 s"
        if message.error():
            assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF, message.error()
            ended.add(message.partition())
            continue
        seen.append(Seen(
            message.partition(), message.offset(), message.timestamp()[1], message.key(),
            message.value(), tuple(message.headers() or ())))
    consumer.close()
    return sorted(seen, key=lambda one: one[:2])


def with_kafka_python(bootstrap, topic, partitions):
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False,
        auto_offset_reset="none")
    assigned = [kafka.TopicPartition(topic, p) for p in range(partitions)]
    consumer.assign(assigned)
    consumer.seek_to_beginning(*assigned)
    ends = consumer.end_offsets(assigned)
    seen = []
    while any(consumer.position(one) < ends[one] for one in assigned):
        for batch in consumer.poll(timeout_ms=1000).values():
            seen += [Seen(r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                     for r in batch]
    consumer.close()
    return sorted(seen, key=lambda one: one[:2])


def with_aiokafka(bootstrap, topic, partitions):
    return asyncio.run(_with_aiokafka(bootstrap, topic, partitions))


async def _with_aiokafka(bootstrap, topic, partitions):
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        assigned = [aiokafka.TopicPartition(topic, p) for p in range(partitions)]
        consumer.assign(assigned)
        await consumer.seek_to_beginning(*assigned)
        ends = await consumer.end_offsets(assigned)
        seen = []
        while not all([await consumer.position(one) >= ends[one] for one in assigned]):
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                seen += [Seen(r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                         for r in batch]
        return sorted(seen, key=lambda one: one[:2])
    finally:
        await consumer.stop()


def with_java(java, bootstrap, topic, partitions):
    def plain(text):
        return None if text is None else base64.b64decode(text)

    seen = []
    for line in java("ReadTopic", bootstrap, topic, partitions).splitlines():
        one = json.loads(line)
        headers = tuple((name, plain(value)) for name, value in one["headers"])
        seen.append(Seen(one["partition"], one["offset"], one["timestamp"], plain(one["key"]),
                         plain(one["value"]), headers))
    return sorted(seen, key=lambda one: one[:2])
