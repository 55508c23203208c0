"""Copies a topic in transactions, offsets included, until it is killed:
copier.py BOOTSTRAP FROM TO GROUP TRANSACTIONAL_ID.

An error that a transaction can be aborted for is: the transaction is, and its records are read again.
Any other ends the process, which whoever started it does again.
"""

import sys

import confluent_kafka
from confluent_kafka import KafkaException

PATIENCE = 60


def retried(call):
    """Calls until there is no error that says to call again."""
    while True:
        try:
            return call()
        except KafkaException as problem:
            if not problem.args[0].retriable():
                raise


def rewind(consumer):
    """Back to what is committed: what was read since is not copied."""
    places = retried(lambda: consumer.committed(consumer.assignment(), PATIENCE))
    for place in places:
        if place.offset < 0:
            place.offset = confluent_kafka.OFFSET_BEGINNING
        consumer.seek(place)


def copy(consumer, producer, target):
    messages = [one for one in consumer.consume(500, 0.5) if not one.error()]
    if not messages:
        return
    producer.begin_transaction()
    for one in messages:
        producer.produce(target, one.value(), one.key(), partition=one.partition())
        producer.poll(0)
    places = consumer.position(consumer.assignment())
    try:
        retried(lambda: producer.send_offsets_to_transaction(
            places, consumer.consumer_group_metadata(), PATIENCE))
        retried(lambda: producer.commit_transaction(PATIENCE))
    except KafkaException as problem:
        if not problem.args[0].txn_requires_abort():
            raise
        retried(lambda: producer.abort_transaction(PATIENCE))
        rewind(consumer)


def main(bootstrap, source, target, group, transactional_id):
    # Where all brokers are down, librdkafka 2.16 begins anew with the bootstrap servers, and does not
    # come back to a transaction that is under way.
    quick = {"bootstrap.servers": bootstrap, "reconnect.backoff.max.ms": 200, "log_level": 0,
             "metadata.recovery.strategy": "none"}
    producer = confluent_kafka.Producer(quick | {
        "transactional.id": transactional_id, "transaction.timeout.ms": 20_000, "linger.ms": 2})
    retried(lambda: producer.init_transactions(PATIENCE))
    consumer = confluent_kafka.Consumer(quick | {
        "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "isolation.level": "read_committed", "session.timeout.ms": 6000})
    consumer.subscribe([source])
    while True:
        copy(consumer, producer, target)


main(*sys.argv[1:])
