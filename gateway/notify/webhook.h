/* The department's own system is told by HTTPS:
 *
 *     POST <url>
 *     Content-Type: application/json
 *     Idempotency-Key: <id>                         the same however often it is sent
 *     Evidence-Gateway-Signature: t=<seconds>,v1=<hex of HMAC-SHA-256(secret, "<t>.<body>")>
 *
 *     {"id","event","claim","about","occurred_at","due"}
 *
 * `about` is the id of an artefact, a request or an assessment; `due` is there for requests.
 * Nothing else is: what it is about is read through the API, by who may.
 */
#ifndef GATEWAY_NOTIFY_WEBHOOK_H
#define GATEWAY_NOTIFY_WEBHOOK_H

#include "gateway/notify/delivery.h"

struct webhook {
    const char *url;
    const struct secret *secret;
    struct delivery_way way;
};
MUST_USE enum err webhook_send(const struct webhook *w, const struct message_record *m,
                               struct delivery *out);

/* For the tests: the signature header's value of a body at a time. */
enum { WEBHOOK_SIGNATURE_MAX = 128 };
MUST_USE enum err webhook_signature(const struct secret *secret, int64_t seconds,
                                    const char *body, size_t len,
                                    char out[WEBHOOK_SIGNATURE_MAX]);

#endif
