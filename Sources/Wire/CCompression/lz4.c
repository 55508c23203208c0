#include <lz4frame.h>
#include <string.h>

#include "buffer.h"

static mc_status run(
    LZ4F_dctx *context, const uint8_t *bytes, size_t count, size_t limit, mc_buffer *out) {
    size_t used = 0;
    size_t wanted = count * 4 < 1 << 16 ? 1 << 16 : count * 4;
    for (;;) {
        mc_status status = mc_buffer_reserve(out, wanted, limit);
        if (status != MC_OK) return status;
        // Room for a whole block lets the library decode it in place.
        wanted = 1 << 16;
        size_t room = out->capacity - out->count, given = count - used;
        size_t hint = LZ4F_decompress(
            context, out->bytes + out->count, &room, bytes + used, &given, NULL);
        if (LZ4F_isError(hint)) return MC_CORRUPT;
        used += given;
        out->count += room;
        if (out->count > limit) return MC_TOO_LARGE;
        if (hint == 0) return MC_OK;
        if (used == count && out->count < out->capacity) return MC_TRUNCATED;
    }
}

mc_status mc_lz4_decompress(const void *bytes, size_t count, size_t limit, mc_buffer *out) {
    static const uint8_t magic[4] = {0x04, 0x22, 0x4D, 0x18};
    if (count > MC_LARGEST) return MC_FAILED;
    if (count < sizeof magic) return MC_TRUNCATED;
    // The library also takes skippable frames, which end with nothing produced.
    if (memcmp(bytes, magic, sizeof magic) != 0) return MC_CORRUPT;
    LZ4F_dctx *context = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return MC_FAILED;
    mc_status status = run(context, bytes, count, limit, out);
    LZ4F_freeDecompressionContext(context);
    return status;
}

mc_status mc_lz4_compress(const void *bytes, size_t count, int level, mc_buffer *out) {
    LZ4F_preferences_t preferences;
    memset(&preferences, 0, sizeof preferences);
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.compressionLevel = level;
    size_t bound = LZ4F_compressFrameBound(count, &preferences);
    mc_status status = mc_buffer_reserve(out, bound, MC_LARGEST);
    if (status != MC_OK) return status;
    size_t produced = LZ4F_compressFrame(
        out->bytes + out->count, out->capacity - out->count, bytes, count, &preferences);
    if (LZ4F_isError(produced)) return MC_FAILED;
    out->count += produced;
    return MC_OK;
}
