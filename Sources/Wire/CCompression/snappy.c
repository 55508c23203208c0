#include <snappy-c.h>

#include "buffer.h"

mc_status mc_snappy_decompress(const void *bytes, size_t count, size_t limit, mc_buffer *out) {
    size_t length;
    if (snappy_uncompressed_length(bytes, count, &length) != SNAPPY_OK) return MC_CORRUPT;
    // The densest element is a copy of 64 bytes in 3: no block can hold more than it declares.
    if (length / 22 > count) return MC_CORRUPT;
    if (out->count > limit || length > limit - out->count) return MC_TOO_LARGE;
    mc_status status = mc_buffer_reserve(out, length, limit);
    if (status != MC_OK) return status;
    if (length == 0) return snappy_validate_compressed_buffer(bytes, count) == SNAPPY_OK
        ? MC_OK : MC_CORRUPT;
    size_t produced = length;
    if (snappy_uncompress(bytes, count, (char *)out->bytes + out->count, &produced) != SNAPPY_OK)
        return MC_CORRUPT;
    out->count += produced;
    return MC_OK;
}

mc_status mc_snappy_compress(const void *bytes, size_t count, mc_buffer *out) {
    size_t length = snappy_max_compressed_length(count);
    mc_status status = mc_buffer_reserve(out, length + 4, MC_LARGEST);
    if (status != MC_OK) return status;
    uint8_t *start = out->bytes + out->count;
    if (snappy_compress(bytes, count, (char *)start + 4, &length) != SNAPPY_OK || length >> 31)
        return MC_FAILED;
    for (int index = 0; index < 4; index++) start[index] = (uint8_t)(length >> (24 - 8 * index));
    out->count += 4 + length;
    return MC_OK;
}
