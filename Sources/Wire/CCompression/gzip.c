#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "buffer.h"

// zlib counts in 32 bits: longer input and output are handed over in parts.
static uInt part(size_t count) { return count > UINT_MAX / 2 ? UINT_MAX / 2 : (uInt)count; }

static mc_status inflate_members(
    z_stream *stream, const uint8_t *bytes, size_t count, size_t limit, mc_buffer *out) {
    size_t used = 0;
    size_t first = count < 1 << 20 ? count * 4 + 256 : count * 2;
    for (;;) {
        mc_status status = mc_buffer_reserve(out, first, limit);
        if (status != MC_OK) return status;
        first = 1 << 14;
        uInt given = part(count - used), room = part(out->capacity - out->count);
        stream->next_in = (Bytef *)(bytes + used);
        stream->avail_in = given;
        stream->next_out = out->bytes + out->count;
        stream->avail_out = room;
        int result = inflate(stream, Z_NO_FLUSH);
        used += given - stream->avail_in;
        out->count += room - stream->avail_out;
        if (out->count > limit) return MC_TOO_LARGE;
        if (result == Z_STREAM_END) {
            // Another member follows when its magic does; anything else is ignored, as by Java.
            if (count - used < 2 || bytes[used] != 0x1F || bytes[used + 1] != 0x8B) return MC_OK;
            if (inflateReset(stream) != Z_OK) return MC_FAILED;
        } else if (result == Z_MEM_ERROR) {
            return MC_FAILED;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return MC_CORRUPT;
        } else if (stream->avail_out > 0 && used == count) {
            return MC_TRUNCATED;
        }
    }
}

mc_status mc_gzip_decompress(const void *bytes, size_t count, size_t limit, mc_buffer *out) {
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (count > MC_LARGEST) return MC_FAILED;
    // 16 asks for the gzip wrapper, header and CRC-32 included.
    if (inflateInit2(&stream, 15 + 16) != Z_OK) return MC_FAILED;
    mc_status status = inflate_members(&stream, bytes, count, limit, out);
    inflateEnd(&stream);
    return status;
}

mc_status mc_gzip_compress(const void *bytes, size_t count, int level, mc_buffer *out) {
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    if (count > UINT_MAX / 2) return MC_FAILED;
    if (deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return MC_FAILED;
    uLong bound = deflateBound(&stream, (uLong)count);
    mc_status status = mc_buffer_reserve(out, bound, MC_LARGEST);
    if (status == MC_OK) {
        stream.next_in = (Bytef *)bytes;
        stream.avail_in = (uInt)count;
        stream.next_out = out->bytes + out->count;
        stream.avail_out = part(out->capacity - out->count);
        uInt room = stream.avail_out;
        if (deflate(&stream, Z_FINISH) != Z_STREAM_END) status = MC_FAILED;
        out->count += room - stream.avail_out;
    }
    deflateEnd(&stream);
    return status;
}
