/* Sends what stands in the outbox (storage/record_outbox.h has the states): one thread for the
 * webhook, one for GOV.UK Notify, so that neither waits for the other.
 *
 * At least once: a message is marked as sending before its bytes leave and settled behind the
 * answer. What a crash left in between is asked about (Notify knows our reference) or sent
 * again under the same id. What passes (no answer, 408, 429, 5xx) is tried again after retry_s,
 * twice as long each time up to retry_max_s, `attempts` times altogether; anything else is
 * final.
 */
#ifndef GATEWAY_NOTIFY_NOTIFY_H
#define GATEWAY_NOTIFY_NOTIFY_H

#include "gateway/notify/delivery.h"
#include "gateway/notify/template.h"
#include "storage/committer.h"

struct notify_config {                             /* borrowed */
    const char *webhook_url, *webhook_secret_file; /* "": no webhook */
    const char *govuk_url, *govuk_key_file;        /* key file "": nobody is written to */
    const char *templates;
    struct delivery_way way;
    unsigned retry_ms, retry_max_ms, attempts;
    unsigned status_ms; /* how often it is asked what became of a message */
};

struct notify_parts {
    struct db_pool *db;
    struct committer *committer;
    /* Whether the receiver may still be told, and the words for it. */
    enum err (*ask)(void *ctx, struct db *db, const struct message_record *m,
                    struct message_words *words, bool *may);
    void *ctx;
};

struct notify;
/* Reads secrets and templates: before the front confines itself. */
MUST_USE enum err notify_new(const struct notify_config *config, struct notify **out);
bool notify_has_webhook(const struct notify *n);
const struct templates *notify_templates(const struct notify *n); /* empty without a key */
MUST_USE enum err notify_start(struct notify *n, const struct notify_parts *parts);
void notify_free(struct notify *n); /* stops; what is under way is finished */
DEFINE_AUTO(struct notify, notify_free);

struct notify_stats {
    uint64_t sent, delivered, retried, failed, dropped, waiting;
    int64_t oldest; /* micros; 0: none waits */
};
void notify_stats(struct notify *n, struct notify_stats *out);

#endif
