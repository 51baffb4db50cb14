/* Destroying, in two halves: one commit after which nothing opens the artefact any more, and
 * the cleaning of what files still repeat.
 *
 *     commit { header slot, names, digests, findings, entries that tell the digest, quota,
 *              tombstone; state SHREDDING }
 *     -> kept answers and header values of its upload -> write-ahead log -> sealed payload
 *     -> commit { state DONE }
 *
 * Invariants: all is repeated until the last commit, and each step may be repeated; a payload
 * is removed only behind the commit that destroyed its header, so that no crash leaves a record
 * without its bytes; nothing is cleaned that is not SHREDDING. */
#include "gateway/evidence/keeping/disposal.h"

#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/base/log.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/keeping/retention.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/rules/quota.h"

#include <stdlib.h>
#include <string.h>

enum {
    TICK_MAX = 16, /* disposals of one tick */
    ERASE_PAGE = 32,
    TRACES_PAGE = 64,
    CLOCK_JUMP_S = 3600, /* by which the clock may be set without stopping destruction */
};

struct shred_act {
    struct evidence *ev;
    struct uuid id;
    bool shredded;
};

/* --- the log ------------------------------------------------------------------------------ */

static enum err erase_entry(struct commit_tx *tx, const struct artefact_record *a,
                            uint64_t index)
{
    AUTO(json_free) json_t *order = entry_new(LEDGER_ERASED, NULL, ROLE_OPERATOR);
    char id[UUID_TEXT_SIZE];
    struct ledger_ref ref;
    uuid_format(&a->id, id);
    json_put_text(order, "actor", "evidence-gateway#disposal");
    json_put_text(order, "artefact", id);
    json_put_text(order, "reason", STATUS_REASON_DISPOSED);
    return ledger_erase(tx, index, order, &ref);
}

/* The entries that tell the digest of its bytes. Who read it, and who decided what, stays. */
static enum err erase_of(struct commit_tx *tx, const struct artefact_record *a,
                         const char *action)
{
    struct ledger_entry page[ERASE_PAGE];
    struct ledger_filter f = {.artefact = &a->id, .action = action};
    size_t n = ERASE_PAGE;
    for (uint64_t after = UINT64_MAX; n == ERASE_PAGE;) {
        TRY(ledger_query(commit_db(tx), &f, after, page, ERASE_PAGE, &n));
        for (size_t i = 0; i < n; i++) {
            after = page[i].index;
            ledger_entry_clear(&page[i]);
            TRY(erase_entry(tx, a, after));
        }
    }
    return ERR_OK;
}

static void put_person(json_t *entry, const char *name, const struct person *who)
{
    struct principal p = {.roles = 0};
    char text[ACTOR_MAX];
    memcpy(p.issuer, who->issuer, sizeof(who->issuer));
    memcpy(p.subject, who->subject, sizeof(who->subject));
    actor_text(&p, text);
    json_put_text(entry, name, text);
}

static enum err tombstone_log(struct commit_tx *tx, const struct artefact_record *a,
                              const struct disposal_record *d)
{
    AUTO(json_free) json_t *entry = entry_new("artefact.disposed", NULL, ROLE_OPERATOR);
    struct ledger_ref ref;
    json_put_text(entry, "actor", "evidence-gateway#disposal");
    entry_artefact(entry, a);
    json_put_text(entry, "status", artefact_status_name(ARTEFACT_DISPOSED));
    json_put_text_if(entry, "reason", d->reason);
    json_put_text_if(entry, "policy", d->policy);
    put_person(entry, "proposed_by", &d->proposed_by);
    put_person(entry, "approved_by", &d->approved_by);
    json_put_time(entry, "approved_at", d->approved_at);
    json_put_time(entry, "received_at", a->received_at);
    json_put_time(entry, "backups_until", d->backups_until);
    json_put_int(entry, "upload_entry", (json_int_t)d->upload_entry);
    entry_hex(entry, "commitment", d->commitment);
    return entry_append_linked(tx, entry, a, &ref);
}

/* --- the commit --------------------------------------------------------------------------- */

/* Asked in the moment itself: due, approved by another person, and no hold. */
static enum err may_shred(struct db *db, const struct disposal_record *d, int64_t now,
                          bool *out)
{
    struct hold_record hold;
    *out = false;
    if (d->state != DISPOSAL_APPROVED || d->due_at > now)
        return ERR_OK;
    if (strcmp(d->proposed_by.subject, d->approved_by.subject) == 0 &&
        strcmp(d->proposed_by.issuer, d->approved_by.issuer) == 0)
        return err_set(ERR_CORRUPT, "a disposal was approved by whoever proposed it");
    enum err held = hold_find(db, &d->artefact, &hold);
    *out = held == ERR_NOT_FOUND;
    return held == ERR_NOT_FOUND ? ERR_OK : held;
}

/* What a list named by retention is due no longer once a claim of it came alive. */
static enum err alive_again(struct commit_tx *tx, const struct artefact_record *a,
                            const struct disposal_record *d, bool *go_on)
{
    struct ledger_ref ref;
    if (uuid_is_nil(&d->list))
        return ERR_OK;
    TRY(retention_still_due(commit_db(tx), &a->id, go_on));
    if (*go_on)
        return ERR_OK;
    TRY(disposal_remove(commit_db(tx), &a->id));
    AUTO(json_free) json_t *entry = entry_new("disposal.cancelled", NULL, ROLE_OPERATOR);
    json_put_text(entry, "actor", "evidence-gateway#disposal");
    entry_artefact(entry, a);
    json_put_text(entry, "reason", "no longer due");
    return entry_append_linked(tx, entry, a, &ref);
}

static enum err shred_apply(struct commit_tx *tx, void *ctx)
{
    struct shred_act *act = ctx;
    struct db *db = commit_db(tx);
    struct disposal_record d;
    struct artefact_record a;
    TRY(disposal_find(db, &act->id, &d));
    TRY(may_shred(db, &d, clock_now(), &act->shredded));
    if (!act->shredded)
        return ERR_OK;
    TRY(artefact_find(db, &act->id, &a));
    TRY(alive_again(tx, &a, &d, &act->shredded));
    if (!act->shredded)
        return ERR_OK;
    d.state = DISPOSAL_SHREDDING;
    d.shredded_at = clock_now();
    d.backups_until =
        d.shredded_at + act->ev->config.keeping.backups_kept_s * MICROS_PER_SECOND;
    TRY(ledger_commitment(db, d.upload_entry, d.commitment));
    TRY(quota_give(db, &a));
    TRY(erase_of(tx, &a, "upload.committed"));
    TRY(erase_of(tx, &a, "upload.duplicate"));
    TRY(artefact_shred(db, &act->id, STATUS_REASON_DISPOSED));
    TRY(disposal_change(db, &d, DISPOSAL_APPROVED));
    return tombstone_log(tx, &a, &d);
}

enum err disposal_shred(struct evidence *ev, const struct uuid *id, bool *shredded)
{
    struct shred_act act = {.ev = ev, .id = *id};
    TRY(evidence_commit(ev, shred_apply, &act, NULL));
    *shredded = act.shredded;
    if (act.shredded)
        retrieve_access_changed(ev); /* running reads stop */
    return ERR_OK;
}

/* --- cleaning ----------------------------------------------------------------------------- */

struct traces {
    struct uuid uploads[TRACES_PAGE];
    int64_t answers[TRACES_PAGE];
    size_t n_uploads, n_answers;
};

static enum err traces_read(struct evidence *ev, const struct uuid *id, struct traces *t)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(trace_list_uploads(db, id, t->uploads, TRACES_PAGE, &t->n_uploads));
    return trace_list_answers(db, id, t->answers, TRACES_PAGE, &t->n_answers);
}

static enum err traces_remove(struct commit_tx *tx, void *ctx)
{
    const struct traces *t = ctx;
    for (size_t i = 0; i < t->n_uploads; i++)
        TRY(trace_remove_upload(commit_db(tx), &t->uploads[i]));
    for (size_t i = 0; i < t->n_answers; i++)
        TRY(trace_remove_answer(commit_db(tx), t->answers[i]));
    return ERR_OK;
}

/* Behind the commit nothing new can repeat the name: the record has none. */
static enum err traces_clean(struct evidence *ev, const struct uuid *id)
{
    AUTO_FREE struct traces *t = calloc(1, sizeof(*t));
    if (!t)
        return err_set(ERR_NOMEM, "traces");
    do {
        TRY(traces_read(ev, id, t));
        if (t->n_uploads + t->n_answers > 0)
            TRY(evidence_keep(ev, traces_remove, t));
    } while (t->n_uploads == TRACES_PAGE || t->n_answers == TRACES_PAGE);
    return ERR_OK;
}

static enum err finish_apply(struct commit_tx *tx, void *ctx)
{
    const struct shred_act *act = ctx;
    struct db *db = commit_db(tx);
    struct disposal_record d;
    struct artefact_record a;
    struct ledger_ref ref;
    TRY(disposal_find(db, &act->id, &d));
    if (d.state == DISPOSAL_DONE)
        return ERR_OK;
    d.state = DISPOSAL_DONE;
    d.finished_at = clock_now();
    TRY(disposal_change(db, &d, DISPOSAL_SHREDDING));
    TRY(artefact_find(db, &act->id, &a));
    AUTO(json_free) json_t *entry = entry_new("disposal.finished", NULL, ROLE_OPERATOR);
    json_put_text(entry, "actor", "evidence-gateway#disposal");
    entry_artefact(entry, &a);
    return entry_append_linked(tx, entry, &a, &ref);
}

enum err disposal_clean(struct evidence *ev, const struct uuid *id)
{
    struct shred_act act = {.ev = ev, .id = *id};
    TRY(traces_clean(ev, id));
    TRY(db_checkpoint(ev->parts.db));
    enum err gone = blob_remove(ev->parts.blobs, id);
    if (gone != ERR_NOT_FOUND) /* a crash came behind it */
        TRY(gone);
    return evidence_commit(ev, finish_apply, &act, NULL);
}

/* --- the tick ----------------------------------------------------------------------------- */

/* A clock that was set ahead by years would find everything due. What passes between two looks
 * by the clock must have passed by the steady one, too; else nothing is destroyed until the
 * gateway is started again, by somebody who looked. */
static bool clock_jumped(struct evidence *ev)
{
    int64_t now = clock_now(), steady = clock_steady_ms() * 1000;
    if (ev->watched_now == 0) {
        ev->watched_now = now;
        ev->watched_steady = steady;
    }
    int64_t ahead = (now - ev->watched_now) - (steady - ev->watched_steady);
    if (ahead > CLOCK_JUMP_S * MICROS_PER_SECOND) {
        if (!ev->watch_told)
            log_event(LOG_ERROR, "disposal.clock_jumped",
                      log_int("seconds", ahead / MICROS_PER_SECOND),
                      log_str("means", "nothing is destroyed until the next start"));
        ev->watch_told = true;
        return true;
    }
    return false;
}

static enum err due_read(struct evidence *ev, struct disposal_record *due, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(ev->parts.db, &db));
    return disposal_list_due(db, clock_now(), due, TICK_MAX, n);
}

static enum err dispose_one(struct evidence *ev, const struct disposal_record *d)
{
    bool shredded = d->state == DISPOSAL_SHREDDING;
    if (!shredded)
        TRY(disposal_shred(ev, &d->artefact, &shredded));
    return shredded ? disposal_clean(ev, &d->artefact) : ERR_OK;
}

void disposal_tick(struct evidence *ev)
{
    AUTO_FREE struct disposal_record *due = NULL;
    size_t n = 0;
    if (ev->config.intake_only) /* it reads no reasons: the other planes do this */
        return;
    if (clock_jumped(ev) || ledger_health(ev->parts.ledger) != ERR_OK)
        return;
    due = calloc(TICK_MAX, sizeof(*due));
    enum err e = due ? due_read(ev, due, &n) : ERR_NOMEM;
    if (e != ERR_OK)
        log_event(LOG_WARN, "disposal.waits", log_err(e));
    for (size_t i = 0; i < n; i++) {
        e = dispose_one(ev, &due[i]);
        if (e != ERR_OK) /* the next tick takes it up */
            log_event(e == ERR_BUSY ? LOG_INFO : LOG_WARN, "disposal.waits", log_err(e));
    }
}
