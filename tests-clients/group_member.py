"""One member of a consumer group, a process of its own that a test can kill.

    group_member.py CLIENT BOOTSTRAP GROUP TOPIC [key=value ...]

CLIENT is confluent, aiokafka or kafka-python; keys are the client's own settings. Prints one line
of JSON for each thing that happens, with the machine's monotonic time; SIGTERM makes it leave.
Every batch that was read is committed before the next.
"""

import asyncio
import json
import os
import signal
import sys
import time

stopping = False


def say(what, **details):
    line = json.dumps({"t": time.monotonic(), "do": what, **details}) + "\n"
    os.write(1, line.encode())


def say_read(batch):
    """Tells what was read, partition by partition: [partition, first, last]."""
    ranges = {}
    for partition, offset in batch:
        first, last = ranges.get(partition, (offset, offset))
        ranges[partition] = (min(first, offset), max(last, offset))
    say("read", ranges=[[partition, *ends] for partition, ends in sorted(ranges.items())])
    return {partition: ends[1] + 1 for partition, ends in ranges.items()}


def with_confluent(bootstrap, group, topic, settings):
    import confluent_kafka

    def numbers(partitions):
        return sorted(one.partition for one in partitions)

    # In the consumer protocol the broker says how often a member is to be heard of.
    times = {} if settings.get("group.protocol") == "consumer" else {
        "session.timeout.ms": 10000, "heartbeat.interval.ms": 500}
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "reconnect.backoff.max.ms": 500} | times | settings)
    consumer.subscribe(
        [topic],
        on_assign=lambda _, partitions: say("assigned", partitions=numbers(partitions)),
        on_revoke=lambda _, partitions: say("revoked", partitions=numbers(partitions)),
        on_lost=lambda _, partitions: say("lost", partitions=numbers(partitions)))
    while not stopping:
        messages = [one for one in consumer.consume(200, 0.1) if not one.error()]
        if not messages:
            continue
        ends = say_read([(one.partition(), one.offset()) for one in messages])
        say("committing", ends=ends)
        try:
            done = consumer.commit(
                offsets=[confluent_kafka.TopicPartition(topic, partition, offset)
                         for partition, offset in ends.items()], asynchronous=False)
            done = {one.partition: one.offset for one in done if not one.error}
        except confluent_kafka.KafkaException as error:
            say("refused", error=error.args[0].name())
            continue
        say("committed", ends=done)
    consumer.close()


def with_kafka_python(bootstrap, group, topic, settings):
    import kafka
    from kafka.errors import KafkaError

    class Listener(kafka.ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            say("assigned", partitions=sorted(one.partition for one in assigned))

        def on_partitions_revoked(self, revoked):
            say("revoked", partitions=sorted(one.partition for one in revoked))

    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
        enable_auto_commit=False, session_timeout_ms=10000, heartbeat_interval_ms=500,
        reconnect_backoff_max_ms=500, **settings)
    consumer.subscribe([topic], listener=Listener())
    while not stopping:
        batch = consumer.poll(timeout_ms=100, max_records=200)
        read = [(one.partition, one.offset) for records in batch.values() for one in records]
        if not read:
            continue
        ends = say_read(read)
        say("committing", ends=ends)
        try:
            consumer.commit({
                kafka.TopicPartition(topic, partition): kafka.OffsetAndMetadata(offset, "", -1)
                for partition, offset in ends.items()})
        except KafkaError as error:
            say("refused", error=type(error).__name__)
            continue
        say("committed", ends=ends)
    consumer.close(autocommit=False)


async def with_aiokafka(bootstrap, group, topic, settings):
    import aiokafka
    from aiokafka.errors import KafkaError

    class Listener(aiokafka.ConsumerRebalanceListener):
        async def on_partitions_assigned(self, assigned):
            say("assigned", partitions=sorted(one.partition for one in assigned))

        async def on_partitions_revoked(self, revoked):
            say("revoked", partitions=sorted(one.partition for one in revoked))

    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
        enable_auto_commit=False, session_timeout_ms=10000, heartbeat_interval_ms=500, **settings)
    consumer.subscribe([topic], listener=Listener())
    await consumer.start()
    while not stopping:
        batch = await consumer.getmany(timeout_ms=100, max_records=200)
        read = [(one.partition, one.offset) for records in batch.values() for one in records]
        if not read:
            continue
        ends = say_read(read)
        say("committing", ends=ends)
        try:
            await consumer.commit({
                aiokafka.TopicPartition(topic, partition): offset
                for partition, offset in ends.items()})
        except KafkaError as error:
            say("refused", error=type(error).__name__)
            continue
        say("committed", ends=ends)
    # It leaves the group without a word to its listener.
    say("revoked", partitions=sorted(one.partition for one in consumer.assignment()))
    await consumer.stop()


def main():
    def stop(*_):
        global stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    client, bootstrap, group, topic, *pairs = sys.argv[1:]
    settings = dict(pair.split("=", 1) for pair in pairs)
    if client == "confluent":
        with_confluent(bootstrap, group, topic, settings)
    elif client == "kafka-python":
        with_kafka_python(bootstrap, group, topic, settings)
    else:
        asyncio.run(with_aiokafka(bootstrap, group, topic, settings))
    say("left")


if __name__ == "__main__":
    main()
