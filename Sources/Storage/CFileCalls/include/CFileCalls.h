#ifndef MARTLET_CFILECALLS_H
#define MARTLET_CFILECALLS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Calls of Linux that Swift's Glibc module does not show.

// Begins to write the unsynced bytes of a file to the disk, without waiting for them.
void mf_start_writing(int file);

// Whether reading `count` bytes from `position` on would not wait for the disk: 1 or 0. Where the
// system cannot tell, 1.
int mf_is_cached(int file, int64_t position, size_t count);

// Has the system forget what it caches of a synced file.
void mf_drop_cache(int file);

#pragma clang assume_nonnull end

#endif
