/* What the bytes say they are: libmagic over a bounded head, its answer mapped to the names the
 * policy uses (audio/x-wav becomes audio/wav, ...). A handle is not thread-safe: one per
 * sealing context.
 */
#ifndef GATEWAY_INSPECT_SNIFF_H
#define GATEWAY_INSPECT_SNIFF_H

#include "gateway/base/error.h"

enum { SNIFF_HEAD_MAX = 8192, SNIFF_TYPE_MAX = 127 };

struct sniffer;
MUST_USE enum err sniffer_new(struct sniffer **out);
void sniffer_free(struct sniffer *s);
DEFINE_AUTO(struct sniffer, sniffer_free);

/* At most SNIFF_HEAD_MAX bytes are looked at. Unknown bytes are "application/octet-stream". */
MUST_USE enum err sniff_type(struct sniffer *s, const void *head, size_t len,
                             char out[SNIFF_TYPE_MAX + 1]);

#endif
