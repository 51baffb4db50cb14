/* What opens chunks: a cipher context and room for one sealed and one plain chunk. From a pool,
 * because fresh pages and a fresh context for every range cost more than the range itself. */
#ifndef GATEWAY_EVIDENCE_READING_OPENER_H
#define GATEWAY_EVIDENCE_READING_OPENER_H

#include "crypto/age_payload.h"

struct opener_pool;
struct opener {
    struct age_stream *stream;
    uint64_t held_index; /* which chunk `plain` holds */
    size_t held_len;     /* 0: none */
    size_t touched;      /* how much of `plain` was ever written: what is wiped */
    struct opener *next; /* in the pool */
    uint8_t sealed[AGE_SEALED_CHUNK_SIZE];
    uint8_t plain[AGE_CHUNK_SIZE];
};

/* Keeps up to `kept` idle ones. */
MUST_USE enum err opener_pool_new(size_t kept, struct opener_pool **out);
void opener_pool_free(struct opener_pool *p); /* every opener has come back */
MUST_USE enum err opener_take(struct opener_pool *p, struct opener **out);
void opener_give(struct opener_pool *p,
                 struct opener *o); /* wipes key and plaintext; NULL allowed */

#endif
