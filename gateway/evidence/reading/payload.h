/* A sealed payload read from one end to the other under a payload key, chunk by chunk: for what
 * looks at the whole of it (inspection, rendering). Not for readers: nothing here is logged. */
#ifndef GATEWAY_EVIDENCE_READING_PAYLOAD_H
#define GATEWAY_EVIDENCE_READING_PAYLOAD_H

#include "gateway/evidence/reading/opener.h"
#include "storage/blob.h"

struct payload {
    struct opener_pool *openers;
    const struct blob_reader *blob; /* borrowed */
    struct opener *opener;
    uint64_t size, at; /* bytes of plaintext; how many were given out */
};
/* `key` is copied. ERR_CORRUPT: the object is not as long as so much plaintext is. */
MUST_USE enum err payload_open(struct opener_pool *openers, const struct blob_reader *blob,
                               const uint8_t key[AGE_PAYLOAD_KEY_SIZE], uint64_t size,
                               struct payload *out);
/* The next chunk; *len 0 at the end. The bytes are the payload's until the next call. */
MUST_USE enum err payload_next(struct payload *p, const uint8_t **data, size_t *len);
void payload_clear(struct payload *p); /* wipes; zeroed is fine */
DEFINE_AUTO_CLEAR(struct payload, payload_clear);

#endif
