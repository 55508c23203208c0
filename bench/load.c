/* The load of bench.py: librdkafka producers and consumers, a bare produce round trip, fdatasync.
 *
 *   load produce BOOTSTRAP TOPIC PARTITIONS COUNT SIZE
 *   load consume BOOTSTRAP TOPIC PARTITIONS COUNT
 *   load latency BOOTSTRAP TOPIC RATE COUNT SIZE      acks=all, one record in flight, librdkafka
 *   load roundtrip PORT RATE COUNT < request          the same on a bare socket: one frame, again and again
 *   load fdatasync FILE RATE COUNT SIZE               append and sync
 *   load floor FILE MEGABYTES                         socket to page cache, nothing else
 *
 * Prints seconds for the first two, CPU seconds per GB for the last, else the median and the 99th percentile in microseconds. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t ns) {
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Runs `once` `count` times at `rate` a second and prints the percentiles of what it took. */
static void paced(long rate, long count, void (*once)(void *), void *context) {
    int64_t *took = malloc(count * sizeof *took), begin = now_ns();
    for (long i = 0; i < count; i++) {
        int64_t due = begin + i * (1000000000LL / rate);
        if (now_ns() < due) sleep_until(due);
        int64_t start = now_ns();
        once(context);
        took[i] = now_ns() - start;
    }
    qsort(took, count, sizeof *took, compare);
    printf("%.1f %.1f\n", took[count / 2] / 1e3, took[count * 99 / 100] / 1e3);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap) {
    char error[512];
    set(conf, "bootstrap.servers", bootstrap);
    rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
    if (!client) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    return client;
}

static volatile long delivered;

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
    (void)client, (void)opaque;
    if (message->err) {
        fprintf(stderr, "delivery failed: %s\n", rd_kafka_err2str(message->err));
        exit(1);
    }
    delivered++;
}

static void produce(char **a) {
    long partitions = atol(a[2]), count = atol(a[3]), size = atol(a[4]);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "acks", "1");
    set(conf, "queue.buffering.max.kbytes", "200000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, conf, a[0]);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, a[1], NULL);
    char *value = malloc(size);
    for (long i = 0; i < size; i++) value[i] = 'a' + i % 26;
    int64_t begin = now_ns();
    for (long i = 0; i < count; i++) {
        int32_t partition = (i / 1000) % partitions;
        while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, value, size, NULL, 0, NULL))
            rd_kafka_poll(producer, 10);
        if (i % 100 == 0) rd_kafka_poll(producer, 0);
    }
    while (delivered < count) rd_kafka_poll(producer, 100);
    printf("%.3f\n", (now_ns() - begin) / 1e9);
}

static void consume(char **a) {
    long partitions = atol(a[2]), count = atol(a[3]), seen = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id", "unused");
    set(conf, "enable.auto.commit", "false");
    set(conf, "queued.max.messages.kbytes", "100000");
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf, a[0]);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (long p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(list, a[1], p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, list);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    rd_kafka_message_t *messages[1000];
    int64_t begin = now_ns();
    while (seen < count) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, messages, 1000);
        for (ssize_t i = 0; i < got; i++) {
            if (!messages[i]->err) seen++;
            rd_kafka_message_destroy(messages[i]);
        }
    }
    printf("%.3f\n", (now_ns() - begin) / 1e9);
}

struct sender {
    rd_kafka_t *producer;
    rd_kafka_topic_t *topic;
    char *value;
    long size;
};

static void send_one(void *context) {
    struct sender *s = context;
    long before = delivered;
    if (rd_kafka_produce(s->topic, 0, 0, s->value, s->size, NULL, 0, NULL)) fail("produce");
    while (delivered == before) rd_kafka_poll(s->producer, 1000);
}

static void latency(char **a) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "acks", "all");
    set(conf, "linger.ms", "0");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    struct sender s = {.producer = client(RD_KAFKA_PRODUCER, conf, a[0]), .size = atol(a[4])};
    s.topic = rd_kafka_topic_new(s.producer, a[1], NULL);
    s.value = calloc(1, s.size);
    send_one(&s);
    paced(atol(a[2]), atol(a[3]), send_one, &s);
}

struct exchange {
    int file;
    char request[1 << 16], answer[1 << 16];
    ssize_t size;
};

static void read_fully(int file, char *into, size_t count) {
    for (ssize_t got; count; into += got, count -= got)
        if ((got = read(file, into, count)) <= 0) fail("read");
}

static void exchange_one(void *context) {
    struct exchange *x = context;
    if (write(x->file, x->request, x->size) != x->size) fail("write");
    read_fully(x->file, x->answer, 4);
    uint32_t length = ntohl(*(uint32_t *)x->answer);
    if (length > sizeof x->answer) fail("length");
    read_fully(x->file, x->answer, length);
}

static void roundtrip(char **a) {
    static struct exchange x;
    int on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(a[0])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (ssize_t got; (got = read(0, x.request + x.size, sizeof x.request - x.size)) > 0;)
        x.size += got;
    x.file = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(x.file, (struct sockaddr *)&to, sizeof to)) fail("connect");
    setsockopt(x.file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int i = 0; i < 500; i++) exchange_one(&x);
    paced(atol(a[1]), atol(a[2]), exchange_one, &x);
}

static void sync_one(void *context) {
    struct exchange *x = context;
    if (write(x->file, x->request, x->size) != x->size || fdatasync(x->file)) fail("fdatasync");
}

static void sync_file(char **a) {
    static struct exchange x;
    x.size = atol(a[3]);
    x.file = open(a[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (x.file < 0) fail("open");
    paced(atol(a[1]), atol(a[2]), sync_one, &x);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* What the kernel takes of the least server that there can be: another process sends, this one
 * reads and writes each megabyte at the end of the file. */
static void floor_of_produce(char **a) {
    enum { chunk = 1 << 20, most = 128 << 10 };
    long count = atol(a[1]);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, size) || listen(listener, 1)) fail("listen");
    getsockname(listener, (struct sockaddr *)&at, &size);
    char *bytes = calloc(1, chunk);
    pid_t sender = fork();
    if (sender == 0) {
        int to = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(to, (struct sockaddr *)&at, sizeof at)) fail("connect");
        for (long i = 0; i < count; i++)
            for (ssize_t done = 0, put; done < chunk; done += put)
                if ((put = write(to, bytes + done, chunk - done)) <= 0) fail("write");
        exit(0);
    }
    int from = accept(listener, NULL, NULL), file = open(a[0], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (from < 0 || file < 0) fail("open");
    double begin = cpu_seconds();
    for (long i = 0; i < count; i++) {
        for (ssize_t done = 0, got; done < chunk; done += got) {
            size_t left = chunk - done;
            if ((got = read(from, bytes + done, left < most ? left : most)) <= 0) fail("read");
        }
        if (pwrite(file, bytes, chunk, (off_t)i * chunk) != chunk) fail("pwrite");
    }
    printf("%.3f\n", (cpu_seconds() - begin) / (count * (double)chunk / 1e9));
    waitpid(sender, NULL, 0);
}

int main(int count, char **arguments) {
    struct {
        const char *name;
        int arguments;
        void (*run)(char **);
    } modes[] = {{"produce", 5, produce}, {"consume", 4, consume}, {"latency", 5, latency},
                 {"roundtrip", 3, roundtrip}, {"fdatasync", 4, sync_file}, {"floor", 2, floor_of_produce}};
    for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(arguments[1], modes[i].name) && count == 2 + modes[i].arguments) {
            modes[i].run(arguments + 2);
            return 0;
        }
    fprintf(stderr, "usage: see the head of load.c\n");
    return 2;
}
