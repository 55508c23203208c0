#ifndef MARTLET_BUFFER_H
#define MARTLET_BUFFER_H

#include "CCompression.h"

// The largest limit that leaves room for the sums below.
#define MC_LARGEST ((size_t)1 << 46)

// Makes room for at least `wanted` more bytes, never for more than `limit` + 1 in all: the one over
// shows that there is more than the limit. MC_TOO_LARGE when that one is used up already.
mc_status mc_buffer_reserve(mc_buffer *buffer, size_t wanted, size_t limit);

#endif
