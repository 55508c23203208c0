#include <zstd.h>

#include "buffer.h"

static mc_status run(
    ZSTD_DCtx *context, const void *bytes, size_t count, size_t limit, mc_buffer *out) {
    ZSTD_inBuffer input = {bytes, count, 0};
    size_t wanted = count * 4 < 1 << 12 ? 1 << 12 : count * 4;
    for (;;) {
        mc_status status = mc_buffer_reserve(out, wanted, limit);
        if (status != MC_OK) return status;
        wanted = ZSTD_DStreamOutSize();
        ZSTD_outBuffer output = {out->bytes, out->capacity, out->count};
        size_t hint = ZSTD_decompressStream(context, &output, &input);
        out->count = output.pos;
        if (ZSTD_isError(hint)) return MC_CORRUPT;
        if (out->count > limit) return MC_TOO_LARGE;
        if (hint == 0 && input.pos == input.size) return MC_OK;
        if (input.pos == input.size && output.pos < output.size) return MC_TRUNCATED;
    }
}

mc_status mc_zstd_decompress(
    const void *bytes, size_t count, int window_log, size_t limit, mc_buffer *out) {
    if (count > MC_LARGEST) return MC_FAILED;
    if (count == 0) return MC_TRUNCATED;
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (!context) return MC_FAILED;
    mc_status status = MC_FAILED;
    if (!ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_log)))
        status = run(context, bytes, count, limit, out);
    ZSTD_freeDCtx(context);
    return status;
}

mc_status mc_zstd_compress(const void *bytes, size_t count, int level, mc_buffer *out) {
    mc_status status = mc_buffer_reserve(out, ZSTD_compressBound(count), MC_LARGEST);
    if (status != MC_OK) return status;
    size_t produced = ZSTD_compress(
        out->bytes + out->count, out->capacity - out->count, bytes, count, level);
    if (ZSTD_isError(produced)) return MC_FAILED;
    out->count += produced;
    return MC_OK;
}
