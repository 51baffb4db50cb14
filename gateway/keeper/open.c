/* Opening and re-wrapping: no log entry, no key.
 *
 * Invariants: a file key exists only between unwrapping and the end of one function here and is
 * wiped on every way out; what leaves is a payload key (of one artefact's one payload) or a new
 * header. A re-wrap never makes a header for a service key that this keeper does not hold
 * itself, nor with a recovery recipient that the order does not name: one logged order must not
 * hand every artefact to a key that the log does not show. */
#include "gateway/keeper/service.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"

#include <sodium.h>
#include <string.h>

enum { PERMISSION = 1000 }; /* in the limiter's thousandths */

void limiter_init(struct limiter *l, unsigned per_second)
{
    l->per_second = per_second;
    l->level = (uint64_t)per_second * PERMISSION;
    l->filled_ms = clock_steady_ms();
}

enum err limiter_take(struct limiter *l)
{
    int64_t now = clock_steady_ms();
    uint64_t full = l->per_second * PERMISSION;
    uint64_t elapsed = (uint64_t)(now - l->filled_ms);

    l->filled_ms = now;
    l->level = elapsed >= 1000 ? full : l->level + elapsed * l->per_second;
    l->level = l->level > full ? full : l->level;
    if (l->level < PERMISSION)
        return err_set(ERR_BUSY, "more openings than the keeper gives out in a second");
    l->level -= PERMISSION;
    return ERR_OK;
}

/* The file key of a header that is this artefact's. */
static enum err unwrap(const struct service *s, const void *header, size_t len,
                       const struct uuid *artefact, uint8_t file_key[AGE_FILE_KEY_SIZE])
{
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    enum err e = age_header_parse(header, len, &h);

    if (e == ERR_CORRUPT || (e == ERR_OK && h.header_len != len))
        return err_set(ERR_CRYPTO, "not an artefact's header");
    TRY(e);
    for (size_t i = 0; i < s->n_identities; i++) {
        e = age_header_open_service(&h, artefact, s->identities[i].secret, file_key);
        if (e != ERR_NOT_FOUND)
            return e;
    }
    return err_set(ERR_NOT_FOUND, "the header is for none of the service keys held here");
}

/* What is opened for whom: a reader gets what is available; the safe view may also be of what is
 * infected; and what is inspected need not be available yet. */
static const struct opening_action {
    const char *action;
    const char *statuses[4];
} OPENINGS[] = {
    {"read.opened", {"available"}},
    {"view.opened", {"available", "restricted"}},
    {"inspection.opened", {"available", "quarantined", "could_not_scan"}},
};

static const struct opening_action *opening_of(const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(OPENINGS); i++) {
        if (strcmp(OPENINGS[i].action, action) == 0)
            return &OPENINGS[i];
    }
    return NULL;
}

static bool is_among(const char *const statuses[4], const char *status)
{
    for (size_t i = 0; i < 4 && statuses[i] != NULL; i++) {
        if (strcmp(statuses[i], status) == 0)
            return true;
    }
    return false;
}

static enum err permits_opening(const struct warrant *w, const struct uuid *artefact,
                                unsigned session_s)
{
    const struct opening_action *opening = opening_of(w->action);

    if (opening == NULL)
        return err_set(ERR_DENIED, "the receipt is not of an opening");
    if (!w->has_artefact || !uuid_equal(&w->artefact, artefact))
        return err_set(ERR_DENIED, "the receipt is of another artefact");
    if (!w->has_actor || !w->has_purpose)
        return err_set(ERR_DENIED, "the receipt's entry lacks its actor or purpose");
    if (!is_among(opening->statuses, w->status))
        return err_set(ERR_DENIED, "the artefact was not available when the entry was made");
    return warrant_in_time(w, session_s);
}

/* A trace that the front cannot take back: each receipt when it first gave out something. */
static void trace(const char *event, const struct uuid *artefact, struct warrant *w)
{
    char text[UUID_TEXT_SIZE];

    if (w->traced)
        return;
    w->traced = true;
    uuid_format(artefact, text);
    log_event(LOG_INFO, event, log_str("artefact", text), log_int("index", (int64_t)w->index));
}

enum err service_open(struct service *s, const struct keeper_opening *o,
                      uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE])
{
    uint8_t file_key[AGE_FILE_KEY_SIZE] = {0};
    struct warrant *w;
    enum err e;

    TRY(limiter_take(&s->limiter));
    TRY(warrant_read(s, o->receipt, o->receipt_len, &w));
    TRY(permits_opening(w, &o->artefact, s->settings.read_session_s));
    e = unwrap(s, o->header, o->header_len, &o->artefact, file_key);
    if (e == ERR_OK)
        e = age_payload_key(file_key, o->nonce, payload_key);
    sodium_memzero(file_key, sizeof(file_key));
    if (e == ERR_OK)
        trace("keeper.opened", &o->artefact, w);
    return e;
}

static bool holds(const struct service *s, const struct age_recipient *r)
{
    for (size_t i = 0; i < s->n_identities; i++) {
        if (memcmp(s->identities[i].recipient.point, r->point, X25519_SIZE) == 0)
            return true;
    }
    return false;
}

static bool names(const char *text, const struct age_recipient *r)
{
    char wanted[AGE_RECIPIENT_TEXT_SIZE];

    age_recipient_format(r, wanted);
    return strcmp(text, wanted) == 0;
}

/* An order for all of them is for an administrator's keeper: in the front's it would make one
 * entry of the log worth every artefact. */
static bool orders_artefact(const struct service *s, const struct warrant *w,
                            const struct uuid *artefact)
{
    if (strcmp(w->scope, "all") == 0 && s->settings.admin)
        return true;
    return w->has_artefact && uuid_equal(&w->artefact, artefact);
}

static enum err permits_rotation(const struct service *s, const struct warrant *w,
                                 const struct keeper_rewrap *o)
{
    char to[KEY_ID_SIZE];

    service_key_id(o->service, to);
    if (strcmp(w->action, "key.rewrap") != 0)
        return err_set(ERR_DENIED, "the receipt does not order a re-wrap");
    if (!orders_artefact(s, w, &o->artefact))
        return err_set(ERR_DENIED, "the order is for another artefact");
    if (strcmp(w->to, to) != 0 || !holds(s, o->service))
        return err_set(ERR_DENIED,
                       "the order is for another service key, or the key is not held here");
    if (o->recovery != NULL && !names(w->recovery, o->recovery))
        return err_set(ERR_DENIED, "the order does not name this recovery recipient");
    return warrant_in_time(w, REWRAP_ORDER_S);
}

static enum err permits_export(const struct service *s, const struct warrant *w,
                               const struct keeper_rewrap *o)
{
    if (strcmp(w->action, "artefact.exported") != 0)
        return err_set(ERR_DENIED, "the receipt does not order an export");
    if (!w->has_artefact || !uuid_equal(&w->artefact, &o->artefact))
        return err_set(ERR_DENIED, "the order is for another artefact");
    if (!names(w->recipient, o->plain))
        return err_set(ERR_DENIED, "the order names another recipient");
    return warrant_in_time(w, s->settings.read_session_s);
}

enum err service_rewrap(struct service *s, const struct keeper_rewrap *o, struct buf *header)
{
    uint8_t file_key[AGE_FILE_KEY_SIZE] = {0};
    struct warrant *w;
    enum err e;

    assert((o->plain == NULL) != (o->service == NULL));
    if (!s->settings.admin)
        TRY(limiter_take(&s->limiter));
    TRY(warrant_read(s, o->receipt, o->receipt_len, &w));
    TRY(o->plain != NULL ? permits_export(s, w, o) : permits_rotation(s, w, o));
    e = unwrap(s, o->header, o->header_len, &o->artefact, file_key);
    if (e == ERR_OK)
        e = o->plain != NULL
                ? age_header_seal_plain(file_key, o->plain, header)
                : age_header_seal(file_key, &o->artefact, o->service, o->recovery, header);
    sodium_memzero(file_key, sizeof(file_key));
    if (e == ERR_OK)
        trace("keeper.rewrapped", &o->artefact, w);
    return e;
}
