#include <pthread.h>
#include <zstd.h>

#include "buffer.h"

// Making a context costs as much as a small batch: each thread keeps one, unless a large window has
// made it larger than this.
#define MC_LARGEST_KEPT ((size_t)1 << 20)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int has_key;

static void free_context(void *context) { ZSTD_freeDCtx(context); }
static void make_key(void) { has_key = pthread_key_create(&key, free_context) == 0; }

// The thread's context, which is the caller's until it is given back.
static ZSTD_DCtx *take_context(void) {
    pthread_once(&once, make_key);
    ZSTD_DCtx *context = has_key ? pthread_getspecific(key) : NULL;
    if (!context) return ZSTD_createDCtx();
    pthread_setspecific(key, NULL);
    return context;
}

static void give_back(ZSTD_DCtx *context) {
    // Also forgets a frame that was left half read.
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    if (!has_key || ZSTD_sizeof_DCtx(context) > MC_LARGEST_KEPT ||
        pthread_setspecific(key, context) != 0)
        ZSTD_freeDCtx(context);
}

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
    ZSTD_DCtx *context = take_context();
    if (!context) return MC_FAILED;
    mc_status status = MC_FAILED;
    if (!ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_log)))
        status = run(context, bytes, count, limit, out);
    give_back(context);
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
