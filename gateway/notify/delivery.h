/* One attempt to deliver a message: what the two ways of sending have in common.
 *
 *     DELIVERY_DONE     the other side has it
 *     DELIVERY_AGAIN    nobody answered in time, 408, 429 or 5xx: the same again, later
 *     DELIVERY_REFUSED  any other answer: the same again would be refused again
 */
#ifndef GATEWAY_NOTIFY_DELIVERY_H
#define GATEWAY_NOTIFY_DELIVERY_H

#include "crypto/secret.h"
#include "gateway/base/http_client.h"
#include "storage/record_outbox.h"

enum { DELIVERY_ANSWER_MAX = 256 * 1024, DELIVERY_URL_MAX = 1024 };

enum delivery_outcome { DELIVERY_DONE, DELIVERY_AGAIN, DELIVERY_REFUSED };

struct delivery {
    enum delivery_outcome outcome;
    char detail[MESSAGE_DETAIL_MAX + 1]; /* status and name of the error; nothing they wrote */
    char provider_id[PROVIDER_ID_MAX + 1];
};

struct delivery_way {    /* how to reach them */
    const char *ca_file; /* NULL: the system's authorities */
    bool allow_plain;
    unsigned connect_ms, total_ms;
};

/* What may be said in a message: words for its placeholders. */
struct message_words {
    char claim[REFERENCE_MAX + 1]; /* the claim's external reference */
    char date[SHORT_TEXT_MAX + 1]; /* "22 November 2026": when it happened */
    char due[SHORT_TEXT_MAX + 1];  /* "" for none */
};

/* A call whose answer is judged by its status alone; `answer` may be looked at when DONE. Never
 * fails: no answer is an outcome, too. */
void delivery_call(const struct delivery_way *way, struct http_fetch *fetch, struct buf *answer,
                   struct delivery *out);

#endif
