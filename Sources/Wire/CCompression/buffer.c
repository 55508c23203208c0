#include "buffer.h"

#include <stdlib.h>
#include <string.h>

void mc_buffer_free(mc_buffer *buffer) {
    free(buffer->bytes);
    buffer->bytes = NULL;
    buffer->count = buffer->capacity = 0;
}

mc_status mc_buffer_reserve(mc_buffer *buffer, size_t wanted, size_t limit) {
    if (limit > MC_LARGEST) limit = MC_LARGEST;
    if (wanted > MC_LARGEST || buffer->count > limit) return MC_TOO_LARGE;
    size_t most = limit + 1;
    if (buffer->capacity - buffer->count >= wanted && buffer->bytes) return MC_OK;
    size_t capacity = buffer->capacity * 2;
    if (capacity < buffer->count + wanted) capacity = buffer->count + wanted;
    if (capacity > most) capacity = most;
    if (capacity <= buffer->capacity) return MC_OK;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (!bytes) return MC_FAILED;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return MC_OK;
}

mc_status mc_buffer_append(const void *bytes, size_t count, mc_buffer *buffer) {
    mc_status status = mc_buffer_reserve(buffer, count, MC_LARGEST);
    if (status != MC_OK) return MC_FAILED;
    if (count > 0) memcpy(buffer->bytes + buffer->count, bytes, count);
    buffer->count += count;
    return MC_OK;
}
