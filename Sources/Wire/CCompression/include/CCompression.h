#ifndef MARTLET_CCOMPRESSION_H
#define MARTLET_CCOMPRESSION_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `count` bytes, continuing from `crc` (0 to begin).
// Uses the instructions of the processor where there are any.
uint32_t mc_crc32c(uint32_t crc, const void *bytes, size_t count);

// The same by tables alone; the fallback of `mc_crc32c`, apart for tests.
uint32_t mc_crc32c_tables(uint32_t crc, const void *bytes, size_t count);

// 1 when `mc_crc32c` uses instructions of the processor.
int mc_crc32c_is_hardware(void);

// CRC-32 of ISO 3309 (zlib's, gzip's and that of Kafka's message formats 0 and 1).
uint32_t mc_crc32(uint32_t crc, const void *bytes, size_t count);

#pragma clang assume_nonnull end

#endif
