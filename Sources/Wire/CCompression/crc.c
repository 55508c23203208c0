#include "CCompression.h"

#include <string.h>
#include <zlib.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

// The states below are the complement of the public value, as is usual for a CRC.
typedef uint32_t (*crc_function)(uint32_t state, const uint8_t *bytes, size_t count);

static inline uint64_t load64(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

// Tables: eight bytes a step (slicing by eight).

static uint32_t table[8][256];

static void build_table(void) {
    const uint32_t polynomial = 0x82F63B78u;
    for (uint32_t index = 0; index < 256; index++) {
        uint32_t value = index;
        for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? polynomial : 0);
        table[0][index] = value;
    }
    for (int slice = 1; slice < 8; slice++) {
        for (int index = 0; index < 256; index++) {
            uint32_t value = table[slice - 1][index];
            table[slice][index] = (value >> 8) ^ table[0][value & 0xFF];
        }
    }
}

static uint32_t crc_tables(uint32_t state, const uint8_t *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) {
        uint32_t low = state ^ ((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
                                (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
        state = table[7][low & 0xFF] ^ table[6][(low >> 8) & 0xFF] ^ table[5][(low >> 16) & 0xFF] ^
                table[4][low >> 24] ^ table[3][bytes[4]] ^ table[2][bytes[5]] ^
                table[1][bytes[6]] ^ table[0][bytes[7]];
    }
    for (; count > 0; bytes++, count--) state = (state >> 8) ^ table[0][(state ^ *bytes) & 0xFF];
    return state;
}

#if defined(__x86_64__)

// Three independent streams hide the latency of the instruction (3 cycles, one a cycle). Their
// states are joined by a carry-less product with x^(8n-33) mod P, n the bytes that follow.
#define INTERLEAVED(LENGTH, ONE, TWO)                                                             \
    while (count >= 3 * LENGTH) {                                                                 \
        uint64_t a = state, b = 0, c = 0;                                                         \
        for (size_t at = 0; at < LENGTH; at += 8) {                                               \
            a = _mm_crc32_u64(a, load64(bytes + at));                                             \
            b = _mm_crc32_u64(b, load64(bytes + LENGTH + at));                                    \
            c = _mm_crc32_u64(c, load64(bytes + 2 * LENGTH + at));                                \
        }                                                                                         \
        __m128i left = _mm_clmulepi64_si128(                                                      \
            _mm_cvtsi64_si128((long long)a), _mm_cvtsi32_si128((int)TWO), 0);                     \
        __m128i right = _mm_clmulepi64_si128(                                                     \
            _mm_cvtsi64_si128((long long)b), _mm_cvtsi32_si128((int)ONE), 0);                     \
        uint64_t both = (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(left, right));                  \
        state = (uint32_t)(_mm_crc32_u64(0, both) ^ c);                                           \
        bytes += 3 * LENGTH;                                                                      \
        count -= 3 * LENGTH;                                                                      \
    }

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc_hardware(
    uint32_t state, const uint8_t *bytes, size_t count) {
    INTERLEAVED(1024, 0x170076FAu, 0xA51B6135u)
    INTERLEAVED(64, 0x9E4ADDF8u, 0x0D3B6092u)
    uint64_t wide = state;
    for (; count >= 8; bytes += 8, count -= 8) wide = _mm_crc32_u64(wide, load64(bytes));
    state = (uint32_t)wide;
    for (; count > 0; bytes++, count--) state = _mm_crc32_u8(state, *bytes);
    return state;
}

static int has_hardware(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#elif defined(__aarch64__)

__attribute__((target("crc"))) static uint32_t crc_hardware(
    uint32_t state, const uint8_t *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) state = __crc32cd(state, load64(bytes));
    for (; count > 0; bytes++, count--) state = __crc32cb(state, *bytes);
    return state;
}

static int has_hardware(void) {
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & (1UL << 7)) != 0;  // HWCAP_CRC32
#else
    return 1;
#endif
}

#else

static uint32_t crc_hardware(uint32_t state, const uint8_t *bytes, size_t count) {
    return crc_tables(state, bytes, count);
}
static int has_hardware(void) { return 0; }

#endif

static crc_function selected = crc_tables;

// Runs before `main`, so that no caller needs a lock.
__attribute__((constructor)) static void select_function(void) {
    build_table();
    if (has_hardware()) selected = crc_hardware;
}

uint32_t mc_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return ~selected(~crc, bytes, count);
}

uint32_t mc_crc32c_tables(uint32_t crc, const void *bytes, size_t count) {
    return ~crc_tables(~crc, bytes, count);
}

uint32_t mc_crc32(uint32_t crc, const void *bytes, size_t count) {
    return (uint32_t)crc32_z(crc, bytes, count);
}
