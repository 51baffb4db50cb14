#include "gateway/messenger.h"

#include <stdio.h>
#include <stdlib.h>

enum err messenger_new(const struct config *c, struct notify **out)
{
    const struct notify_config config = {
        .webhook_url = c->notify.webhook_url,
        .webhook_secret_file = c->notify.webhook_secret_file,
        .govuk_url = c->notify.govuk_url,
        .govuk_key_file = c->notify.govuk_key_file,
        .templates = c->notify.templates,
        .way = {.ca_file = *c->notify.ca_file ? c->notify.ca_file : NULL,
                .allow_plain = c->notify.allow_plain_http,
                .connect_ms = c->notify.connect_timeout_ms,
                .total_ms = c->notify.timeout_ms},
        .retry_ms = c->notify.retry_ms,
        .retry_max_ms = c->notify.retry_max_ms,
        .attempts = (unsigned)c->notify.attempts,
        .status_ms = c->notify.status_ms,
    };
    return notify_new(&config, out);
}

void messenger_policy(const struct notify *n, struct telling_policy *out)
{
    out->webhook = notify_has_webhook(n);
    for (unsigned e = 0; e < MESSAGE_EVENT_COUNT; e++)
        out->channels[e] = templates_channels(notify_templates(n), (enum message_event)e);
}

/* "22 November 2026" */
static void day_words(int32_t day, char *out, size_t cap)
{
    static const char *const MONTHS[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    char date[DATE_TEXT_SIZE];
    day_format(day, date);
    long month = strtol(date + 5, NULL, 10);
    assert(month >= 1 && month <= 12);
    (void)snprintf(out, cap, "%ld %s %.4s", strtol(date + 8, NULL, 10), MONTHS[month - 1],
                   date);
}

static enum err ask(void *ctx, struct db *db, const struct message_record *m,
                    struct message_words *words, bool *may)
{
    struct claim_record claim;
    (void)ctx;
    TRY(telling_stands(db, m, may));
    TRY(claim_find(db, &m->claim, &claim));
    (void)snprintf(words->claim, sizeof(words->claim), "%s", claim.external_reference);
    day_words(day_of(m->occurred_at), words->date, sizeof(words->date));
    if (m->due != 0) /* the end of a day belongs to that day */
        day_words(day_of(m->due - 1), words->due, sizeof(words->due));
    return ERR_OK;
}

enum err messenger_start(struct notify *n, struct db_pool *db, struct committer *committer)
{
    const struct notify_parts parts = {.db = db, .committer = committer, .ask = ask};
    return notify_start(n, &parts);
}
