/* Invariants: a try is counted before the password is tried, so that those that come at once do
 * not get more than their number; an artefact leaves its waiting once, in a commit that found
 * it waiting; a row of passwords_awaited outlives the artefact's key until its bytes are gone.
 */
#include "gateway/evidence/inspection/unlock.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/evidence/inspection/findings.h"
#include "gateway/evidence/inspection/inspecting.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/unseal.h"
#include "gateway/evidence/rules/authority.h"
#include "gateway/evidence/rules/quota.h"
#include "storage/record_keeping.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OVER_PAGE = 16, LOOK_AGAIN_S = 6 * 60 * 60 };

/* --- waiting ------------------------------------------------------------------------------ */

bool unlock_awaited(const struct artefact_record *a)
{
    return a->status == ARTEFACT_QUARANTINED &&
           strcmp(a->status_reason, STATUS_REASON_PASSWORD) == 0;
}

bool unlock_may_wait(const struct evidence_config *config, const struct verdict *v)
{
    return config->inspecting.keep_locked && v->outcome == INSPECT_PASSWORD &&
           strcmp(v->type, "application/pdf") == 0;
}

enum err unlock_wait(const struct evidence_config *config, struct db *db,
                     const struct artefact_record *a)
{
    struct password_wait w;
    if (!unlock_awaited(a))
        return ERR_OK;
    enum err found = password_wait_find(db, &a->id, &w);
    if (found == ERR_OK) {
        w.tries = 0;
        return password_wait_change(db, &w);
    }
    if (found != ERR_NOT_FOUND)
        return found;
    w = (struct password_wait){.artefact = a->id,
                               .expires_at = clock_now() + config->inspecting.password_wait_s *
                                                               MICROS_PER_SECOND};
    return password_wait_insert(db, &w);
}

/* --- trying ------------------------------------------------------------------------------- */

struct unlocking {
    struct evidence *ev;
    const struct principal *p;
    const char *password;
    struct uuid id;
    struct artefact_record artefact;
    enum role role;
    struct buf header;
    uint64_t entry; /* of the opening; then of what came of it */
    struct verdict verdict;
    bool wrong, infected; /* and so refused */
};

static enum err waiting_find(struct db *db, const struct unlocking *u, struct password_wait *w)
{
    if (!unlock_awaited(&u->artefact))
        return refuse_because(REFUSAL_CONFLICT, "this item does not wait for a password");
    enum err found = password_wait_find(db, &u->id, w);
    if (found == ERR_NOT_FOUND || (found == ERR_OK && w->expires_at <= clock_now()))
        return refuse_because(REFUSAL_CONFLICT, "the time to send its password is over");
    return found;
}

static enum err permitted(struct db *db, struct unlocking *u)
{
    struct artefact_access access;
    TRY(authority_artefact(db, &u->id, u->p, ACTION_ARTEFACT_UNLOCK, PURPOSE_NONE, &access));
    u->artefact = access.artefact;
    u->role = access.role;
    return ERR_OK;
}

static enum err opening_apply(struct commit_tx *tx, void *ctx)
{
    struct unlocking *u = ctx;
    struct db *db = commit_db(tx);
    struct password_wait w;
    struct ledger_ref ref;
    TRY(permitted(db, u));
    TRY(waiting_find(db, u, &w));
    if (w.tries >= u->ev->config.inspecting.password_tries)
        return refuse_because(REFUSAL_CONFLICT,
                              "too many passwords were wrong: send the file again");
    w.tries++;
    TRY(password_wait_change(db, &w));
    buf_reset(&u->header);
    TRY(header_get(db, &u->id, &u->header));
    AUTO(json_free) json_t *entry = entry_new("inspection.opened", u->p, u->role);
    entry_artefact(entry, &u->artefact);
    json_put_text(entry, "purpose", "password");
    json_put_text(entry, "status", artefact_status_name(u->artefact.status));
    TRY(entry_append_linked(tx, entry, &u->artefact, &ref));
    u->entry = ref.index;
    return ERR_OK;
}

/* Nothing was learned about the password. */
static enum err not_tried_apply(struct commit_tx *tx, void *ctx)
{
    struct unlocking *u = ctx;
    struct password_wait w;
    TRY(password_wait_find(commit_db(tx), &u->id, &w));
    w.tries -= w.tries > 0;
    return password_wait_change(commit_db(tx), &w);
}

static enum err look(struct unlocking *u, const struct blob_reader *blob, const uint8_t *key,
                     const char *password)
{
    AUTO_CLEAR(payload_clear) struct payload payload = {.openers = NULL};
    TRY(payload_open(u->ev->openers, blob, key, u->artefact.size, &payload));
    return password ? inspect_locked(u->ev->parts.inspectors, &payload, u->artefact.media_type,
                                     password, &u->verdict)
                    : inspect_payload(u->ev->parts.inspectors, &payload, u->artefact.media_type,
                                      NULL, &u->verdict);
}

/* The bytes as they are first: what a reader of the original gets is these, and what is hidden
 * beside the document is in them alone. */
static enum err look_twice(struct unlocking *u, const struct blob_reader *blob,
                           const uint8_t *key)
{
    TRY(look(u, blob, key, NULL));
    if (u->verdict.outcome == INSPECT_PASSWORD && u->verdict.reason != REASON_NONE)
        u->verdict.outcome = INSPECT_COULD_NOT_SCAN;
    if (u->verdict.outcome != INSPECT_PASSWORD && u->verdict.outcome != INSPECT_CLEAN)
        return ERR_OK;
    TRY(look(u, blob, key, u->password));
    u->wrong = u->verdict.outcome == INSPECT_PASSWORD;
    return ERR_OK;
}

static enum err open_and_look(struct unlocking *u)
{
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE] = {0};
    const struct evidence_parts *parts = &u->ev->parts;
    TRY(evidence_commit(u->ev, opening_apply, u, NULL));
    TRY(blob_open(parts->blobs, &u->id, &blob));
    const struct unsealing unsealing = {parts->ledger, parts->keeper, &u->id, &u->header,
                                        u->entry};
    enum err e = unseal_key(&unsealing, blob, key);
    if (e == ERR_OK)
        e = look_twice(u, blob, key);
    sodium_memzero(key, sizeof(key));
    return e;
}

/* --- what comes of it --------------------------------------------------------------------- */

/* Key and room go in this commit; the bytes, which nobody can open any more, behind it. */
static enum err end_waiting(struct db *db, const struct artefact_record *a, const char *reason)
{
    struct password_wait w = {.artefact = a->id, .expires_at = clock_now(), .ended = true};
    TRY(artefact_status_change(db, &a->id, ARTEFACT_QUARANTINED, ARTEFACT_REFUSED, reason));
    TRY(header_remove(db, &a->id));
    TRY(quota_give(db, a));
    return password_wait_change(db, &w);
}

static enum err settle(struct unlocking *u, struct db *db)
{
    const struct finding_rules rules = {.recording = false};
    const struct artefact_record before = u->artefact;
    struct artefact_record *a = &u->artefact;
    if (u->wrong)
        return ERR_OK;
    u->infected =
        u->verdict.outcome == INSPECT_VIRUS && !u->ev->config.inspecting.restrict_infected;
    if (u->infected) {
        a->status = ARTEFACT_REFUSED;
        (void)snprintf(a->status_reason, sizeof(a->status_reason), "%s",
                       refusal_name(REFUSAL_CONTAINS_VIRUS));
        TRY(telling_status(&u->ev->config.telling, db, &before, a->status));
        return end_waiting(db, &before, a->status_reason);
    }
    findings_status(&u->verdict, FINDINGS_ATTEMPTS, a, &rules, &a->status, a->status_reason);
    TRY(artefact_status_change(db, &a->id, before.status, a->status, a->status_reason));
    TRY(telling_status(&u->ev->config.telling, db, &before, a->status));
    return password_wait_remove(db, &a->id);
}

static enum err done_apply(struct commit_tx *tx, void *ctx)
{
    struct unlocking *u = ctx;
    struct db *db = commit_db(tx);
    struct password_wait w;
    struct ledger_ref ref;
    TRY(permitted(db, u));
    TRY(waiting_find(db, u, &w)); /* somebody may have been first */
    TRY(settle(u, db));
    TRY(findings_keep(db, &u->verdict, &u->id, clock_now()));
    AUTO(json_free) json_t *entry = entry_new("inspection.done", u->p, u->role);
    entry_artefact(entry, &u->artefact);
    findings_entry(entry, &u->verdict);
    json_put_text(entry, "status", artefact_status_name(u->artefact.status));
    json_put_text_if(entry, "status_reason", u->artefact.status_reason);
    TRY(entry_append_linked(tx, entry, &u->artefact, &ref));
    u->entry = ref.index;
    return ERR_OK;
}

/* Trouble of ours: the password has to come again. What may be the file's fault stays counted.
 */
static enum err try_again(struct unlocking *u)
{
    if (findings_scanner_away(&u->verdict)) {
        enum err e = evidence_keep(u->ev, not_tried_apply, u);
        (void)e; /* then one try less */
    }
    return refuse_because(REFUSAL_TRY_AGAIN,
                          "The file could not be checked just now - send the password again");
}

static enum err unlock(struct unlocking *u, struct unlock_result *out)
{
    TRY(open_and_look(u));
    if (findings_may_pass(&u->verdict, 1))
        return try_again(u);
    TRY(evidence_commit(u->ev, done_apply, u, NULL));
    out->artefact = u->artefact;
    if (u->wrong)
        return refuse(REFUSAL_WRONG_PASSWORD);
    TRY(evidence_receipt(u->ev, u->entry, &out->receipt));
    return u->infected ? refuse(REFUSAL_CONTAINS_VIRUS) : ERR_OK;
}

/* Who may not is told so, whether or not there is anybody to open it. */
static enum err may_unlock(struct evidence *ev, const struct principal *p,
                           const struct uuid *id)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_access access;
    TRY(db_read_begin(ev->parts.db, &db));
    return authority_artefact(db, id, p, ACTION_ARTEFACT_UNLOCK, PURPOSE_NONE, &access);
}

enum err artefact_unlock(struct evidence *ev, const struct principal *p, const struct uuid *id,
                         const char *password, struct unlock_result *out)
{
    AUTO_FREE struct unlocking *u = calloc(1, sizeof(*u));
    struct err_info outcome;
    *out = (struct unlock_result){.artefact = {.size = 0}};
    buf_init(&out->receipt, RECEIPT_MAX);
    if (!u)
        return err_set(ERR_NOMEM, "opening a file");
    if (ev->config.intake_only)
        return refuse(REFUSAL_INTAKE_ONLY);
    TRY(may_unlock(ev, p, id));
    if (!ev->parts.inspectors)
        return err_set(ERR_UNAVAILABLE, "there are no inspectors here to open it");
    *u = (struct unlocking){.ev = ev, .p = p, .password = password, .id = *id};
    buf_init(&u->header, AGE_HEADER_MAX);
    err_save(unlock(u, out), &outcome);
    buf_clear(&u->header);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}

/* --- when nobody comes -------------------------------------------------------------------- */

struct over {
    struct evidence *ev;
    struct password_wait wait;
    bool gone;
};

/* Held, or hidden by staff: not now. */
static enum err put_off(struct db *db, struct password_wait *w)
{
    w->expires_at = clock_now() + LOOK_AGAIN_S * MICROS_PER_SECOND;
    return password_wait_change(db, w);
}

static enum err expired_log(struct commit_tx *tx, const struct artefact_record *a)
{
    AUTO(json_free) json_t *entry = entry_new("password.expired", NULL, ROLE_OPERATOR);
    struct ledger_ref ref;
    entry_artefact(entry, a);
    json_put_text(entry, "status", artefact_status_name(ARTEFACT_REFUSED));
    return entry_append_linked(tx, entry, a, &ref);
}

static enum err over_apply(struct commit_tx *tx, void *ctx)
{
    struct over *o = ctx;
    struct db *db = commit_db(tx);
    struct artefact_record a;
    struct hold_record hold;
    TRY(password_wait_find(db, &o->wait.artefact, &o->wait));
    TRY(artefact_find(db, &o->wait.artefact, &a));
    o->gone = o->wait.ended;
    if (o->gone)
        return ERR_OK;
    enum err held = hold_find(db, &a.id, &hold);
    if (held == ERR_OK || a.status == ARTEFACT_RESTRICTED)
        return put_off(db, &o->wait);
    if (held != ERR_NOT_FOUND)
        return held;
    if (!unlock_awaited(&a))
        return password_wait_remove(db, &a.id);
    TRY(end_waiting(db, &a, STATUS_REASON_PASSWORD));
    o->gone = true;
    return expired_log(tx, &a);
}

static enum err forget_apply(struct commit_tx *tx, void *ctx)
{
    struct over *o = ctx;
    return password_wait_remove(commit_db(tx), &o->wait.artefact);
}

static enum err over_one(struct over *o)
{
    struct blob_store *blobs = o->ev->parts.blobs;
    TRY(evidence_commit(o->ev, over_apply, o, NULL));
    if (!o->gone)
        return ERR_OK;
    TRY(db_checkpoint(o->ev->parts.db)); /* the key leaves the write-ahead log, too */
    enum err removed = blob_remove(blobs, &o->wait.artefact);
    if (removed != ERR_NOT_FOUND)
        TRY(removed);
    return evidence_keep(o->ev, forget_apply, o);
}

static enum err over_page(struct evidence *ev, struct password_wait *page, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    *n = 0;
    TRY(db_read_begin(ev->parts.db, &db));
    return password_wait_list_over(db, clock_now(), page, OVER_PAGE, n);
}

void unlock_tick(struct evidence *ev)
{
    struct password_wait page[OVER_PAGE];
    size_t n = 0;
    enum err e = over_page(ev, page, &n);
    for (size_t i = 0; e == ERR_OK && i < n; i++) {
        struct over o = {.ev = ev, .wait = page[i]};
        e = over_one(&o);
    }
    if (e != ERR_OK)
        log_event(LOG_WARN, "password.not_ended", log_err(e));
}
