/* SHA-256 over a message's content as it passes, to be held against Content-Digest (RFC 9530).
 */
#ifndef GATEWAY_HTTP_CONTENT_DIGEST_H
#define GATEWAY_HTTP_CONTENT_DIGEST_H

#include "gateway/base/error.h"

#include <stdint.h>

enum { CONTENT_DIGEST_SIZE = 32 };

struct content_digest;
MUST_USE enum err content_digest_new(struct content_digest **out);
MUST_USE enum err content_digest_add(struct content_digest *d, const void *data, size_t len);
/* Of everything that was added; begins anew. */
void content_digest_end(struct content_digest *d, uint8_t out[CONTENT_DIGEST_SIZE]);
void content_digest_free(struct content_digest *d);
DEFINE_AUTO(struct content_digest, content_digest_free);

#endif
