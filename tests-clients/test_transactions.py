"""Transactions with real clients: librdkafka and Java."""

import itertools
import threading

import confluent_kafka
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from martlet_server import wait_for

numbers = itertools.count(1)


def producer(server, transactional_id, **settings):
    made = confluent_kafka.Producer({
        "bootstrap.servers": server.bootstrap, "transactional.id": transactional_id, "linger.ms": 1,
        "reconnect.backoff.max.ms": 100, "log_level": 0} | {
            key.replace("_", "."): value for key, value in settings.items()})
    made.init_transactions(30)
    return made


def read(server, topic, isolation="read_committed", partition=0):
    """All values up to where readers of that isolation get."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": server.bootstrap, "group.id": "reader", "enable.auto.commit": False,
        "isolation.level": isolation, "enable.partition.eof": True, "log_level": 0})
    consumer.assign([confluent_kafka.TopicPartition(
        topic, partition, confluent_kafka.OFFSET_BEGINNING)])
    values = []
    while True:
        message = consumer.poll(30)
        assert message is not None, "nothing for 30 s"
        if message.error():
            assert message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF
            break
        values.append(message.value().decode())
    consumer.close()
    return values


def write(one, topic, *values):
    for value in values:
        one.produce(topic, value, partition=0)
    assert one.flush(30) == 0


def test_commit_abort_and_an_open_transaction(server, new_topic):
    topic = new_topic()
    first = producer(server, f"tx-{topic}")
    first.begin_transaction()
    write(first, topic, "a", "b")
    assert read(server, topic) == []
    assert read(server, topic, "read_uncommitted") == ["a", "b"]
    first.commit_transaction(30)
    first.begin_transaction()
    write(first, topic, "gone")
    first.abort_transaction(30)
    assert read(server, topic) == ["a", "b"]
    # An open transaction holds back what others commit after it.
    first.begin_transaction()
    write(first, topic, "open")
    second = producer(server, f"tx-other-{topic}")
    second.begin_transaction()
    write(second, topic, "behind")
    second.commit_transaction(30)
    assert read(server, topic) == ["a", "b"]
    first.commit_transaction(30)
    assert read(server, topic) == ["a", "b", "open", "behind"]


def test_a_zombie_is_fenced(server, new_topic):
    topic = new_topic()
    zombie = producer(server, f"tx-{topic}")
    zombie.begin_transaction()
    write(zombie, topic, "zombie")
    heir = producer(server, f"tx-{topic}")
    zombie.produce(topic, "late", partition=0)
    with pytest.raises(KafkaException) as caught:
        zombie.commit_transaction(30)
    assert caught.value.args[0].fatal()
    heir.begin_transaction()
    write(heir, topic, "heir")
    heir.commit_transaction(30)
    assert read(server, topic) == ["heir"]


def test_a_transaction_over_its_time_is_aborted(new_server):
    server = new_server(transaction_abort_timed_out_transaction_cleanup_interval_ms=100)
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.create_topics([NewTopic("slow", 1, 1)])["slow"].result(30)
    slow = producer(server, "slow", transaction_timeout_ms=1000, delivery_timeout_ms=900)
    slow.begin_transaction()
    write(slow, "slow", "slow")
    plain = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap})
    write(plain, "slow", "plain")
    assert wait_for(lambda: read(server, "slow"), "what stands behind the slow one") == ["plain"]
    with pytest.raises(KafkaException):
        slow.commit_transaction(30)


def test_read_write_and_commit_of_offsets(server, new_topic):
    source, target = new_topic(), new_topic()
    plain = confluent_kafka.Producer({"bootstrap.servers": server.bootstrap})
    write(plain, source, *map(str, range(100)))
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": server.bootstrap, "group.id": f"g-{source}",
        "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    consumer.subscribe([source])
    copier = producer(server, f"tx-{source}")
    place = confluent_kafka.TopicPartition(source, 0)
    done = 0
    while done < 100:
        messages = consumer.consume(10, 30)
        copier.begin_transaction()
        for one in messages:
            copier.produce(target, one.value(), partition=0)
        copier.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30)
        if done == 50:
            # What is aborted moves no offset.
            copier.abort_transaction(30)
            assert consumer.committed([place], 30)[0].offset == 50
            consumer.seek(confluent_kafka.TopicPartition(source, 0, 50))
            copier.begin_transaction()
            for one in messages:
                copier.produce(target, one.value(), partition=0)
            consumer.consume(len(messages), 30)
            copier.send_offsets_to_transaction(
                consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30)
        copier.commit_transaction(30)
        done += len(messages)
        assert consumer.committed([place], 30)[0].offset == done
    consumer.close()
    assert read(server, target) == [str(number) for number in range(100)]


@pytest.mark.parametrize("step", ["written", "committing", "committed"])
def test_a_kill_between_the_steps(step, new_server):
    server = new_server()
    server.start()
    admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic("kill", 1, 1)])["kill"].result(30)
    one = producer(server, "kill")
    one.begin_transaction()
    write(one, "kill", "before")
    committing = threading.Thread(target=lambda: one.commit_transaction(60))
    if step == "written":
        server.kill()
        server.start()
        committing.start()
    elif step == "committing":
        committing.start()
        server.kill()
        server.start()
    else:
        committing.start()
        committing.join()
        server.kill()
        server.start()
    committing.join()
    assert read(server, "kill") == ["before"]
    one.begin_transaction()
    write(one, "kill", "after")
    one.commit_transaction(30)
    assert read(server, "kill") == ["before", "after"]


def test_java(server, new_topic, java):
    assert "done" in java("Transactions", server.bootstrap, new_topic())
