#define _GNU_SOURCE
#include "CFileCalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

// linux/mman.h of Linux 6.5; older headers lack both.
struct cache_range {
    uint64_t offset;
    uint64_t length;
};
struct cache_counts {
    uint64_t cached;
    uint64_t dirty;
    uint64_t writeback;
    uint64_t evicted;
    uint64_t recently_evicted;
};

void mf_start_writing(int file) {
    (void)sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void mf_read_ahead(int file, int64_t position, size_t count) {
    (void)posix_fadvise(file, position, (off_t)count, POSIX_FADV_WILLNEED);
}

long mf_read_cached(int file, int64_t position, void *bytes, size_t count) {
    struct iovec target = {bytes, count};
    return preadv2(file, &target, 1, position, RWF_NOWAIT);
}

// One byte, if it is at hand. A page may be in the cache and still be on its way from the disk.
static int is_at_hand(int file, int64_t position) {
    char byte;
    return mf_read_cached(file, position, &byte, 1) >= 0 || errno != EAGAIN;
}

int mf_is_cached(int file, int64_t position, size_t count) {
    if (count == 0) return 1;
    int64_t last = position + (int64_t)count - 1;
    if (!is_at_hand(file, last)) return 0;
    int64_t page = sysconf(_SC_PAGESIZE);
    int64_t pages = last / page - position / page + 1;
    if (pages == 1) return 1;
    struct cache_range range = {(uint64_t)position, (uint64_t)count};
    struct cache_counts found = {0};
    if (syscall(SYS_cachestat, file, &range, &found, 0) == 0)
        return (int64_t)found.cached >= pages;
    // Before Linux 6.5: a page in every 64 KiB, less than what the system reads ahead.
    for (int64_t at = position + 65536; at < last; at += 65536)
        if (!is_at_hand(file, at)) return 0;
    return 1;
}
