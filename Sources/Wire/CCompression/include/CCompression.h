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

// CRC-32 of ISO 3309 (zlib's, gzip's and that of Kafka's message formats 0 and 1).
uint32_t mc_crc32(uint32_t crc, const void *bytes, size_t count);

// Bytes that grow while a codec produces them.
typedef struct {
    uint8_t *_Nullable bytes;
    size_t count;
    size_t capacity;
} mc_buffer;

typedef enum {
    MC_OK = 0,
    MC_CORRUPT,    // the input is not valid
    MC_TRUNCATED,  // the input ends too early
    MC_TOO_LARGE,  // the output would pass the limit
    MC_FAILED      // no memory, or the library refused its parameters
} mc_status;

void mc_buffer_free(mc_buffer *buffer);
// Appends bytes as they are. MC_OK or MC_FAILED.
mc_status mc_buffer_append(const void *bytes, size_t count, mc_buffer *buffer);

// Each decompressor appends to `out` and stops once `out->count` would pass `limit`; what has been
// produced by then stays in `out`. No more than `limit` bytes and one are ever reserved for it.

// Gzip, also several members one after the other; what follows the last is ignored.
mc_status mc_gzip_decompress(const void *bytes, size_t count, size_t limit, mc_buffer *out);
// One raw snappy block.
mc_status mc_snappy_decompress(const void *bytes, size_t count, size_t limit, mc_buffer *out);
// One lz4 frame; what follows it is ignored.
mc_status mc_lz4_decompress(const void *bytes, size_t count, size_t limit, mc_buffer *out);
// Zstd frames, one after the other, with a window of at most 1 << `window_log` bytes.
mc_status mc_zstd_decompress(
    const void *bytes, size_t count, int window_log, size_t limit, mc_buffer *out);

// Each compressor appends to `out`. MC_OK or MC_FAILED.

mc_status mc_gzip_compress(const void *bytes, size_t count, int level, mc_buffer *out);
// One raw snappy block with its length, 4 bytes big endian, before it.
mc_status mc_snappy_compress(const void *bytes, size_t count, mc_buffer *out);
// One frame of independent blocks of 64 KiB; level 0 is the fast compressor, 3 to 12 the high one.
mc_status mc_lz4_compress(const void *bytes, size_t count, int level, mc_buffer *out);
mc_status mc_zstd_compress(const void *bytes, size_t count, int level, mc_buffer *out);

#pragma clang assume_nonnull end

#endif
