/* Small transactions over bare sockets, one in flight on each of many connections.
 *
 *   transactions PORT TOPIC PARTITIONS CONNECTIONS SECONDS
 *
 * Each connection is a transactional id: InitProducerId, then Produce 12 of one record of 100 bytes,
 * which adds the partition, and EndTxn 5, again and again (KIP-890). Prints transactions a second and
 * the median and the 99th percentile of one in milliseconds. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { value_size = 100, concurrent_transactions = 51, samples = 1 << 22 };

struct producer {
    int socket;
    char id[24];
    int64_t producer_id, begun;
    int16_t epoch;
    enum { initializing, producing, ending } step;
    uint8_t answer[512];
    size_t got;
};

static uint32_t crc_table[256];
static uint8_t request[1024];
static size_t size;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void number(int64_t value, int bytes) {
    while (bytes--) request[size++] = (uint8_t)(value >> (8 * bytes));
}

static void bytes(const void *from, size_t count) {
    memcpy(request + size, from, count);
    size += count;
}

static void varint(uint32_t value) {
    for (; value > 127; value >>= 7) request[size++] = (uint8_t)(value | 128);
    request[size++] = (uint8_t)value;
}

static void text(const char *value) {
    varint(strlen(value) + 1);
    bytes(value, strlen(value));
}

static int64_t read_number(const uint8_t *from, int count) {
    int64_t value = (int8_t)*from;
    while (--count) value = value << 8 | *++from;
    return value;
}

static uint32_t crc32c(const uint8_t *from, size_t count) {
    uint32_t crc = ~0u;
    while (count--) crc = crc >> 8 ^ crc_table[(crc ^ *from++) & 255];
    return ~crc;
}

static void header(int key, int version, int is_flexible) {
    size = 4;
    number(key, 2), number(version, 2), number(0, 4), number(-1, 2);
    if (is_flexible) varint(0);
}

static void send_request(struct producer *p) {
    size_t length = size;
    size = 0, number(length - 4, 4);
    p->got = 0;
    if (write(p->socket, request, length) != (ssize_t)length) fail("write");
}

static void initialize(struct producer *p) {
    header(22, 0, 0);
    number(strlen(p->id), 2), bytes(p->id, strlen(p->id)), number(60000, 4);
    p->step = initializing;
    send_request(p);
}

static void batch(struct producer *p) {
    static const char value[value_size];
    size_t begin = size;
    number(0, 8), number(0, 4), number(-1, 4), number(2, 1), number(0, 4);
    size_t checked = size;
    number(0x10, 2), number(0, 4);
    int64_t now = (int64_t)time(NULL) * 1000;
    number(now, 8), number(now, 8), number(p->producer_id, 8), number(p->epoch, 2);
    number(0, 4), number(1, 4);
    /* Length, attributes, deltas, no key, value, no headers; lengths as zigzag. */
    varint((7 + value_size) * 2), number(0, 1), varint(0), varint(0), varint(1);
    varint(value_size * 2), bytes(value, value_size), varint(0);
    size_t end = size;
    uint32_t crc = crc32c(request + checked, end - checked);
    size = begin + 8, number(end - begin - 12, 4), size = begin + 17, number(crc, 4);
    size = end;
}

static void produce(struct producer *p, const char *topic, int partition) {
    header(0, 12, 1);
    text(p->id), number(-1, 2), number(30000, 4), varint(2), text(topic), varint(2);
    number(partition, 4);
    size_t length_at = size;
    /* The batch has between 127 and 16383 bytes: its length takes two. */
    size += 2;
    batch(p);
    size_t end = size, count = end - length_at - 2 + 1;
    request[length_at] = (uint8_t)(count | 128), request[length_at + 1] = (uint8_t)(count >> 7);
    varint(0), varint(0), varint(0);
    p->step = producing;
    send_request(p);
}

static void end(struct producer *p) {
    header(26, 5, 1);
    text(p->id), number(p->producer_id, 8), number(p->epoch, 2), number(1, 1), varint(0);
    p->step = ending;
    send_request(p);
}

/* Whether a whole answer is there. */
static int receive(struct producer *p) {
    ssize_t got = read(p->socket, p->answer + p->got, sizeof p->answer - p->got);
    if (got <= 0) fail("read");
    p->got += got;
    return p->got >= 4 && p->got >= 4 + (size_t)read_number(p->answer, 4);
}

static void check(int64_t error, const char *what) {
    if (error == 0) return;
    fprintf(stderr, "%s: error %d\n", what, (int)error);
    exit(1);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int count, char **a) {
    if (count != 6) return fprintf(stderr, "usage: see the head of transactions.c\n"), 2;
    const char *topic = a[2];
    int partitions = atoi(a[3]), connections = atoi(a[4]), on = 1;
    for (uint32_t i = 0; i < 256; i++) {
        crc_table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            crc_table[i] = crc_table[i] >> 1 ^ (crc_table[i] & 1 ? 0x82F63B78 : 0);
    }
    struct producer *all = calloc(connections, sizeof *all);
    struct pollfd *polled = calloc(connections, sizeof *polled);
    int64_t *took = malloc(samples * sizeof *took);
    for (int i = 0; i < connections; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(a[1])),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct producer *p = &all[i];
        snprintf(p->id, sizeof p->id, "bench-%d", i);
        p->socket = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(p->socket, (struct sockaddr *)&to, sizeof to)) fail("connect");
        setsockopt(p->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        polled[i] = (struct pollfd){.fd = p->socket, .events = POLLIN};
        initialize(p);
    }
    int64_t begin = now_ns(), stop = begin + atol(a[5]) * 1000000000LL;
    long done = 0;
    while (now_ns() < stop) {
        if (poll(polled, connections, 1000) < 0) fail("poll");
        for (int i = 0; i < connections; i++) {
            struct producer *p = &all[i];
            if (!polled[i].revents || !receive(p)) continue;
            const uint8_t *body = p->answer + 8;
            int64_t error;
            switch (p->step) {
            case initializing:
                error = read_number(body + 4, 2);
                if (error == concurrent_transactions) {
                    /* The transaction of an earlier run is being aborted. */
                    initialize(p);
                    break;
                }
                check(error, "InitProducerId");
                p->producer_id = read_number(body + 6, 8), p->epoch = read_number(body + 14, 2);
                p->begun = now_ns();
                produce(p, topic, i % partitions);
                break;
            case producing:
                /* Tags, topics, the topic's name, partitions, the number of the one. */
                error = read_number(body + 1 + 1 + 1 + strlen(topic) + 1 + 4, 2);
                if (error != concurrent_transactions) {
                    check(error, "Produce");
                    end(p);
                } else {
                    produce(p, topic, i % partitions);
                }
                break;
            case ending:
                check(read_number(body + 5, 2), "EndTxn");
                p->producer_id = read_number(body + 7, 8), p->epoch = read_number(body + 15, 2);
                int64_t now = now_ns();
                took[done++ % samples] = now - p->begun;
                p->begun = now;
                produce(p, topic, i % partitions);
            }
        }
    }
    double seconds = (now_ns() - begin) / 1e9;
    long kept = done < samples ? done : samples;
    if (kept == 0) return fprintf(stderr, "no transaction came to its end\n"), 1;
    qsort(took, kept, sizeof *took, compare);
    printf("%.0f %.2f %.2f\n", done / seconds, took[kept / 2] / 1e6, took[kept * 99 / 100] / 1e6);
    return 0;
}
