/* The load of bench.py: librdkafka producers and consumers, a bare produce round trip, fdatasync.
 *
 *   load produce BOOTSTRAP TOPIC PARTITIONS COUNT SIZE ACKS
 *   load consume BOOTSTRAP TOPIC PARTITIONS COUNT
 *   load latency BOOTSTRAP TOPIC RATE COUNT SIZE      acks=all, one record in flight, librdkafka
 *   load roundtrip PORT RATE COUNT < request          the same on a bare socket: one frame, again and again
 *   load fdatasync FILE RATE COUNT SIZE               append and sync
 *   load floor FILE MEGABYTES                         socket to page cache, nothing else
 *   load flood PORT CONNECTIONS WINDOW COUNT < request      one frame, WINDOW of them in flight on each connection
 *   load beat PORT INTERVAL_MS SECONDS < frames       each frame on a connection of its own, once an interval;
 *                                                     prints a line once all are connected, then how many were
 *                                                     answered, and how many with an error
 *
 * Prints seconds for produce, consume and flood, CPU seconds per GB for floor, else the median and the 99th percentile
 * in microseconds. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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
    set(conf, "acks", a[5]);
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

static int dial(const char *port) {
    int on = 1, file = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(file, (struct sockaddr *)&to, sizeof to)) fail("connect");
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return file;
}

static void roundtrip(char **a) {
    static struct exchange x;
    for (ssize_t got; (got = read(0, x.request + x.size, sizeof x.request - x.size)) > 0;)
        x.size += got;
    x.file = dial(a[0]);
    for (int i = 0; i < 500; i++) exchange_one(&x);
    paced(atol(a[1]), atol(a[2]), exchange_one, &x);
}

struct peer {
    int file;
    ssize_t filled;
    long sent, answered;
    char *frame;
    unsigned char answer[1 << 12];
};

/* Takes in what has come; the number of whole answers. Those whose first number after the correlation id is not 0
 * are counted in `errors`, too. */
static long take_answers(struct peer *peer, long *errors) {
    ssize_t got = read(peer->file, peer->answer + peer->filled, sizeof peer->answer - peer->filled);
    long answers = 0, at = 0;
    if (got <= 0) fail("read");
    peer->filled += got;
    while (peer->filled - at >= 4) {
        long length = 4 + ntohl(*(uint32_t *)(peer->answer + at));
        if (length > (long)sizeof peer->answer) fail("length");
        if (peer->filled - at < length) break;
        if (peer->answer[at + 8] || peer->answer[at + 9]) (*errors)++;
        at += length;
        answers++;
    }
    memmove(peer->answer, peer->answer + at, peer->filled -= at);
    peer->answered += answers;
    return answers;
}

static void send_frame(struct peer *peer) {
    ssize_t size = 4 + ntohl(*(uint32_t *)peer->frame);
    if (write(peer->file, peer->frame, size) != size) fail("write");
    peer->sent++;
}

static int watch(struct peer *peers, long count, const char *port) {
    int poll = epoll_create1(0);
    for (long i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[i]};
        peers[i].file = dial(port);
        if (epoll_ctl(poll, EPOLL_CTL_ADD, peers[i].file, &event)) fail("epoll");
    }
    return poll;
}

static void flood(char **a) {
    static char frame[1 << 16];
    long connections = atol(a[1]), window = atol(a[2]), count = atol(a[3]), done = 0, sent = 0, errors = 0;
    struct peer *peers = calloc(connections, sizeof *peers);
    struct epoll_event events[256];
    for (ssize_t got, size = 0; (got = read(0, frame + size, sizeof frame - size)) > 0;) size += got;
    int poll = watch(peers, connections, a[0]);
    int64_t begin = now_ns();
    for (long i = 0; i < connections; i++) {
        peers[i].frame = frame;
        for (long n = 0; n < window; n++, sent++) send_frame(&peers[i]);
    }
    while (done < count) {
        int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            long answers = take_answers(events[i].data.ptr, &errors);
            done += answers;
            for (; answers > 0 && sent < count; answers--, sent++) send_frame(events[i].data.ptr);
        }
    }
    printf("%.3f\n", (now_ns() - begin) / 1e9);
}

static void beat(char **a) {
    static char frames[1 << 23];
    long interval = atol(a[1]), count = 0, size = 0, errors = 0, done = 0;
    for (ssize_t got; (got = read(0, frames + size, sizeof frames - size)) > 0;) size += got;
    for (long at = 0; at < size; count++) at += 4 + ntohl(*(uint32_t *)(frames + at));
    struct peer *peers = calloc(count, sizeof *peers);
    struct epoll_event events[256];
    int poll = watch(peers, count, a[0]);
    for (long i = 0, at = 0; i < count; i++) {
        peers[i].frame = frames + at;
        at += 4 + ntohl(*(uint32_t *)(frames + at));
    }
    /* All are connected once each has had an answer. */
    for (long i = 0; i < count; i++) send_frame(&peers[i]);
    for (long ready = 0; ready < count;) {
        int found = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < found; i++) ready += take_answers(events[i].data.ptr, &errors);
    }
    puts("connected");
    fflush(stdout);
    int64_t begin = now_ns(), end = begin + atol(a[2]) * 1000000000LL;
    for (long next = 0; now_ns() < end;) {
        long due = (now_ns() - begin) / 1000 * count / (interval * 1000);
        for (; next < due; next++) send_frame(&peers[next % count]);
        int ready = epoll_wait(poll, events, 256, 1);
        for (int i = 0; i < ready; i++) done += take_answers(events[i].data.ptr, &errors);
    }
    printf("%ld %ld\n", done, errors);
    fflush(stdout);
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
    } modes[] = {{"produce", 6, produce}, {"consume", 4, consume}, {"latency", 5, latency},
                 {"roundtrip", 3, roundtrip}, {"fdatasync", 4, sync_file}, {"floor", 2, floor_of_produce},
                 {"flood", 4, flood}, {"beat", 3, beat}};
    for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(arguments[1], modes[i].name) && count == 2 + modes[i].arguments) {
            modes[i].run(arguments + 2);
            return 0;
        }
    fprintf(stderr, "usage: see the head of load.c\n");
    return 2;
}
