/* What librdkafka makes of the loads of `client-load` (Examples/ClientLoad), for bench.py.
 *
 *   client produce BOOTSTRAP TOPIC COUNT SIZE      acks=all, batches of 1 MB, linger 5 ms, records copied
 *   client consume BOOTSTRAP TOPIC COUNT SIZE      from the beginning of all partitions, values looked at
 *   client latency BOOTSTRAP TOPIC COUNT SIZE      acks=all, linger 0, one record after the other
 *
 * Prints records a second and CPU nanoseconds of the process for each record; for latency the median and the 99th
 * percentile in microseconds. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap, const char *settings) {
    char error[512], copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "bootstrap.servers=%s %s", bootstrap, settings);
    for (char *pair; (pair = strsep(&rest, " "));) {
        char *name = strsep(&pair, "=");
        if (*name && rd_kafka_conf_set(conf, name, pair, error, sizeof error) != RD_KAFKA_CONF_OK) fail(error);
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
    if (!client) fail(error);
    return client;
}

static long delivered;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client, (void)opaque;
    if (message->err) fail(rd_kafka_err2str(message->err));
    delivered++;
}

static rd_kafka_topic_t *producer(const char *bootstrap, const char *topic, const char *settings, rd_kafka_t **client_out) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    *client_out = client(RD_KAFKA_PRODUCER, conf, bootstrap, settings);
    return rd_kafka_topic_new(*client_out, topic, NULL);
}

static void report(long count, int64_t wall, int64_t cpu) {
    printf("%.0f %.1f\n", count * 1e9 / (clock_ns(CLOCK_MONOTONIC) - wall),
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / count);
}

static void produce(char **a) {
    long count = atol(a[2]), size = atol(a[3]);
    rd_kafka_t *client;
    rd_kafka_topic_t *topic = producer(
        a[0], a[1],
        "enable.idempotence=true linger.ms=5 batch.size=1000000 batch.num.messages=100000 "
        "queue.buffering.max.kbytes=65536 queue.buffering.max.messages=1000000",
        &client);
    char *value = malloc(size);
    for (long i = 0; i < size; i++) value[i] = 'a' + i % 26;
    int64_t wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < count; i++) {
        value[i % size] = 'a' + i % 26;
        while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL)) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(rd_kafka_last_error()));
            rd_kafka_poll(client, 10);
        }
        if (i % 1000 == 0) rd_kafka_poll(client, 0);
    }
    while (delivered < count) rd_kafka_poll(client, 100);
    report(count, wall, cpu);
}

static void consume(char **a) {
    long count = atol(a[2]), seen = 0, bytes = 0;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, rd_kafka_conf_new(), a[0],
                                  "group.id=unused enable.auto.commit=false check.crcs=true");
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer, a[1], NULL);
    if (rd_kafka_metadata(consumer, 0, topic, &metadata, 10000)) fail("metadata");
    int partitions = metadata->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(list, a[1], p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    int64_t wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    rd_kafka_assign(consumer, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    rd_kafka_message_t *messages[1000];
    while (seen < count) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, messages, 1000);
        for (ssize_t i = 0; i < got; i++) {
            if (!messages[i]->err) {
                seen++;
                bytes += messages[i]->len + ((char *)messages[i]->payload)[0];
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    if (bytes == 0) fail("nothing was read");
    report(seen, wall, cpu);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void latency(char **a) {
    long count = atol(a[2]), size = atol(a[3]);
    rd_kafka_t *client;
    rd_kafka_topic_t *topic = producer(a[0], a[1], "enable.idempotence=true linger.ms=0", &client);
    char *value = calloc(1, size);
    int64_t *took = malloc(count * sizeof *took);
    for (long i = -100; i < count; i++) {
        long before = delivered;
        int64_t start = clock_ns(CLOCK_MONOTONIC);
        if (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL))
            fail("produce");
        while (delivered == before) rd_kafka_poll(client, 1000);
        if (i >= 0) took[i] = clock_ns(CLOCK_MONOTONIC) - start;
    }
    qsort(took, count, sizeof *took, compare);
    printf("%.1f %.1f\n", took[count / 2] / 1e3, took[count * 99 / 100] / 1e3);
}

int main(int count, char **a) {
    if (count == 6 && !strcmp(a[1], "produce")) produce(a + 2);
    else if (count == 6 && !strcmp(a[1], "consume")) consume(a + 2);
    else if (count == 6 && !strcmp(a[1], "latency")) latency(a + 2);
    else fail("usage: see the head of client.c");
    return 0;
}
