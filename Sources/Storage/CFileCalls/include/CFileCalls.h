#ifndef MARTLET_CFILECALLS_H
#define MARTLET_CFILECALLS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Calls of Linux that Swift's Glibc module does not show.

// Begins to write the unsynced bytes of a file to the disk, without waiting for them.
void mf_start_writing(int file);

// Reads what is in the cache: as `pread`, but -1 and EAGAIN where that would wait for the disk, and
// less than asked for where the cache or the file ends.
long mf_read_cached(int file, int64_t position, void *bytes, size_t count);

// Begins to read bytes into the cache, without waiting for them.
void mf_read_ahead(int file, int64_t position, size_t count);

// Whether reading `count` bytes from `position` on would not wait for the disk: 1 or 0. Where the
// system cannot tell, 1.
int mf_is_cached(int file, int64_t position, size_t count);

#pragma clang assume_nonnull end

#endif
