/* A receipt as a permission: the log's own proof that an entry stands in it, read for what it
 * permits.
 *
 * Invariants: nothing is read from details before the receipt has been verified against our own
 * log key; a warrant is kept by the SHA-256 of the exact text it was read from; its time is
 * judged at every use, never cached. */
#include "gateway/keeper/service.h"

#include "gateway/base/clock.h"
#include "gateway/base/json.h"

#include <stdio.h>
#include <string.h>

/* Members that matter to some actions only: what is absent, no text, or too long to be what we
 * compare with reads as "". */
static void copy_text(const json_t *details, const char *name, char *out, size_t cap)
{
    const char *value = json_string_value(json_object_get(details, name));

    out[0] = '\0';
    if (value != NULL && strlen(value) < cap)
        memcpy(out, value, strlen(value) + 1);
}

static bool has_text(const json_t *details, const char *name)
{
    const char *value = json_string_value(json_object_get(details, name));

    return value != NULL && *value != '\0';
}

static enum err read_details(const struct receipt *r, struct warrant *w)
{
    AUTO(json_free) json_t *details = NULL;
    char artefact[UUID_TEXT_SIZE];
    struct json_in in;

    TRY(json_parse(r->details, r->details_len, &details));
    TRY(json_in_object(&in, details, "entry"));
    TRY(json_in_text(&in, "action", JSON_REQUIRED, w->action, sizeof(w->action)));
    TRY(json_in_time(&in, "time", JSON_REQUIRED, NULL, &w->time_us));
    copy_text(details, "status", w->status, sizeof(w->status));
    copy_text(details, "scope", w->scope, sizeof(w->scope));
    copy_text(details, "to", w->to, sizeof(w->to));
    copy_text(details, "recipient", w->recipient, sizeof(w->recipient));
    copy_text(details, "recovery", w->recovery, sizeof(w->recovery));
    copy_text(details, "artefact", artefact, sizeof(artefact));
    w->has_artefact = uuid_parse(artefact, &w->artefact) == ERR_OK;
    w->has_actor = has_text(details, "actor");
    w->has_purpose = has_text(details, "purpose");
    w->index = r->index;
    return ERR_OK;
}

/* A checkpoint of ours that is larger than what we know to have signed: either the other keeper
 * on our state file signed it, which a look at the file tells, or our state is older than the
 * world. */
static enum err known_size(struct service *s, uint64_t size)
{
    if (size <= s->state.now.frontier.size)
        return ERR_OK;
    TRY(state_begin(&s->state));
    state_end(&s->state);
    if (size <= s->state.now.frontier.size)
        return ERR_OK;
    return err_set(
        ERR_DENIED,
        "the receipt's checkpoint is larger than anything this keeper knows to be signed");
}

static enum err verify(struct service *s, const char *text, size_t len, struct warrant *w)
{
    AUTO_CLEAR(receipt_clear) struct receipt r = {0};

    TRY(receipt_parse(text, len, &r));
    TRY(receipt_verify(&r, &s->signer.verifier));
    TRY(known_size(s, r.checkpoint.size));
    return read_details(&r, w);
}

/* What fails for reasons of ours keeps its name; all else means that the receipt permits
 * nothing. */
static enum err as_denial(enum err e)
{
    char why[ERR_MESSAGE_MAX];

    if (e == ERR_OK || e == ERR_NOMEM || e == ERR_IO || e == ERR_BUSY || e == ERR_DENIED)
        return e;
    (void)snprintf(why, sizeof(why), "%s", err_message(e));
    return err_set(ERR_DENIED, "the receipt permits nothing: %s", why);
}

static struct warrant *kept(struct warrant_cache *c, const uint8_t digest[SHA256_SIZE])
{
    for (size_t i = 0; i < c->n; i++) {
        if (memcmp(c->kept[i].digest, digest, SHA256_SIZE) == 0)
            return &c->kept[i].warrant;
    }
    return NULL;
}

static struct warrant *keep(struct warrant_cache *c, const uint8_t digest[SHA256_SIZE],
                            const struct warrant *w)
{
    struct warrant *slot = &c->kept[c->next].warrant;

    memcpy(c->kept[c->next].digest, digest, SHA256_SIZE);
    *slot = *w;
    c->next = (c->next + 1) % WARRANTS_KEPT;
    c->n = c->n < WARRANTS_KEPT ? c->n + 1 : c->n;
    return slot;
}

enum err warrant_read(struct service *s, const char *receipt, size_t len, struct warrant **out)
{
    uint8_t digest[SHA256_SIZE];
    struct warrant w = {0};

    TRY(sha256_once(receipt, len, digest));
    *out = kept(&s->warrants, digest);
    if (*out != NULL)
        return ERR_OK;
    TRY(as_denial(verify(s, receipt, len, &w)));
    *out = keep(&s->warrants, digest, &w);
    return ERR_OK;
}

enum err warrant_in_time(const struct warrant *w, unsigned age_s)
{
    int64_t age_us = clock_now() - w->time_us;

    if (age_us < -WARRANT_FUTURE_S * MICROS_PER_SECOND)
        return err_set(ERR_DENIED, "the receipt's entry is of the future");
    if (age_us > (int64_t)age_s * MICROS_PER_SECOND)
        return err_set(ERR_EXPIRED, "the receipt's entry is too old");
    return ERR_OK;
}
