/* Invariants: a status changes only from the one that was read in the same transaction; the key
 * of one that is due goes with its row in the transaction that ends its waiting. */
#include "gateway/evidence/inspection/rescan.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/inspection/inspecting.h"
#include "gateway/evidence/inspection/rescan_internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/unseal.h"
#include "gateway/evidence/recording/choice.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what comes of a verdict -------------------------------------------------------------- */

static bool waits_for_inspection(const struct artefact_record *a)
{
    return a->status == ARTEFACT_COULD_NOT_SCAN ||
           (a->status == ARTEFACT_QUARANTINED &&
            strcmp(a->status_reason, STATUS_REASON_NOT_INSPECTED) == 0);
}

static bool is_recording(const struct rescan_parts *parts, const struct artefact_record *a)
{
    const struct kind *kind = kinds_find(parts->kinds, a->kind);
    return !kind || kind->recording;
}

/* What was sent as a recording may have been opted out of, or never been announced. One that is
 * available already stays so: a records owner may have decided about it. */
static enum err choice_again(struct db *db, const struct artefact_record *a,
                             enum artefact_status *status, char *reason)
{
    enum recording_verdict verdict;
    enum recording_state next;
    TRY(choice_judge(db, &a->assessment, a->recording_started_at, a->recording_stopped_at,
                     &verdict));
    if (!recording_next(recording_state_of(a->status), RECORDING_CLEAR, verdict, &next) ||
        next == RECORDING_AVAILABLE)
        return ERR_OK;
    *status = recording_status(next);
    (void)snprintf(reason, SHORT_TEXT_MAX + 1, "%s",
                   next == RECORDING_RESTRICTED ? STATUS_REASON_OPTED_OUT
                                                : STATUS_REASON_NO_NOTICE);
    return ERR_OK;
}

static enum err status_next(const struct judging *j, struct db *db,
                            enum artefact_status *status, char reason[SHORT_TEXT_MAX + 1])
{
    const struct artefact_record *a = &j->artefact;
    bool recording = is_recording(j->parts, a);
    const struct inspection_policy *policy = &j->parts->policy;
    struct finding_rules rules = {
        .recording = recording,
        .tolerance_us = policy->interval_tolerance_s * MICROS_PER_SECOND,
        .shortfall_us = policy->interval_shortfall_s * MICROS_PER_SECOND};
    *status = a->status;
    memcpy(reason, a->status_reason, SHORT_TEXT_MAX + 1);
    bool open_now = a->status == ARTEFACT_AVAILABLE || a->status == ARTEFACT_QUARANTINED;
    bool infected = j->verdict->outcome == INSPECT_VIRUS;
    if (waits_for_inspection(a) || (open_now && infected))
        findings_status(j->verdict, j->attempts, a, &rules, status, reason);
    if (*status != ARTEFACT_AVAILABLE || !recording || uuid_is_nil(&a->assessment))
        return ERR_OK;
    return choice_again(db, a, status, reason);
}

static enum err done_log(struct commit_tx *tx, const struct judging *j)
{
    AUTO(json_free) json_t *entry = entry_new("inspection.done", NULL, ROLE_OPERATOR);
    struct ledger_ref ref;
    json_put_text(entry, "actor", j->actor);
    entry_artefact(entry, &j->artefact);
    findings_entry(entry, j->verdict);
    json_put_text(entry, "status", artefact_status_name(j->after));
    json_put_text_if(entry, "status_reason", j->reason);
    return entry_append_linked(tx, entry, &j->artefact, &ref);
}

enum err judging_apply(struct commit_tx *tx, void *ctx)
{
    struct judging *j = ctx;
    struct db *db = commit_db(tx);
    enum err waited = inspection_due_remove(db, &j->id);
    if (waited != ERR_NOT_FOUND || j->due) /* due no more: another process was first */
        TRY(waited);
    TRY(artefact_find(db, &j->id, &j->artefact));
    j->after = j->artefact.status;
    if (j->artefact.status == ARTEFACT_DISPOSED)
        return ERR_OK; /* while it was looked at: nothing of it is kept any more */
    TRY(status_next(j, db, &j->after, j->reason));
    TRY(findings_keep(db, j->verdict, &j->id, clock_now()));
    if (j->after != j->artefact.status || strcmp(j->reason, j->artefact.status_reason) != 0)
        TRY(artefact_status_change(db, &j->id, j->artefact.status, j->after, j->reason));
    TRY(telling_status(&j->parts->telling, db, &j->artefact, j->after));
    return done_log(tx, j);
}

enum err rescan_commit(const struct rescan_parts *parts,
                       enum err (*apply)(struct commit_tx *, void *), void *ctx, bool unlogged)
{
    struct commit_job job = {.apply = apply, .ctx = ctx, .unlogged = unlogged};
    return committer_run(parts->committer, &job);
}

/* --- one stored artefact, by way of the keeper -------------------------------------------- */

struct opening {
    const char *actor;
    struct uuid id;
    struct artefact_record artefact;
    struct buf header;
    uint64_t entry;
    bool skipped;
};

static bool may_be_opened(enum artefact_status s)
{
    return s == ARTEFACT_AVAILABLE || s == ARTEFACT_QUARANTINED || s == ARTEFACT_COULD_NOT_SCAN;
}

static enum err opening_apply(struct commit_tx *tx, void *ctx)
{
    struct opening *o = ctx;
    struct db *db = commit_db(tx);
    TRY(artefact_find(db, &o->id, &o->artefact));
    o->skipped = !may_be_opened(o->artefact.status);
    if (o->skipped)
        return err_set(ERR_NOT_FOUND, "nothing of it is to be opened");
    buf_reset(&o->header);
    TRY(header_get(db, &o->id, &o->header));
    AUTO(json_free) json_t *entry = entry_new("inspection.opened", NULL, ROLE_OPERATOR);
    struct ledger_ref ref;
    json_put_text(entry, "actor", o->actor);
    entry_artefact(entry, &o->artefact);
    json_put_text(entry, "purpose", "rescan");
    json_put_text(entry, "status", artefact_status_name(o->artefact.status));
    TRY(entry_append_linked(tx, entry, &o->artefact, &ref));
    o->entry = ref.index;
    return ERR_OK;
}

enum err rescan_read(const struct rescan_parts *parts, const struct artefact_record *a,
                     const struct blob_reader *blob, const uint8_t *key,
                     const _Atomic bool *stop, struct verdict *out)
{
    AUTO_CLEAR(payload_clear) struct payload payload = {.openers = NULL};
    TRY(payload_open(parts->openers, blob, key, a->size, &payload));
    return inspect_payload(parts->inspectors, &payload, a->media_type, stop, out);
}

static enum err opening_inspect(const struct rescan_parts *parts, struct opening *o,
                                const _Atomic bool *stop, struct verdict *out)
{
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    uint8_t key[AGE_PAYLOAD_KEY_SIZE] = {0};
    TRY(blob_open(parts->blobs, &o->id, &blob));
    TRY(rescan_commit(parts, opening_apply, o, false));
    const struct unsealing unsealing = {
        parts->ledger, parts->keeper, &o->id, &o->header, o->entry};
    enum err e = unseal_key(&unsealing, blob, key);
    if (e == ERR_OK)
        e = rescan_read(parts, &o->artefact, blob, key, stop, out);
    sodium_memzero(key, sizeof(key));
    return e;
}

static enum err opened(const struct rescan_parts *parts, struct opening *o,
                       const _Atomic bool *stop, struct rescan_result *out)
{
    enum err e = opening_inspect(parts, o, stop, &out->verdict);
    out->skipped = o->skipped;
    if (o->skipped)
        return ERR_OK;
    TRY(e);
    out->before = out->after = o->artefact.status;
    if (findings_may_pass(&out->verdict, 1))
        return ERR_OK;
    struct judging j = {.parts = parts,
                        .actor = o->actor,
                        .id = o->id,
                        .verdict = &out->verdict,
                        .attempts = FINDINGS_ATTEMPTS};
    TRY(rescan_commit(parts, judging_apply, &j, false));
    out->before = j.artefact.status;
    out->after = j.after;
    return ERR_OK;
}

enum err rescan_artefact(const struct rescan_parts *parts, const struct uuid *id,
                         const char *actor, const _Atomic bool *stop, struct rescan_result *out)
{
    struct opening o = {.actor = actor, .id = *id};
    struct err_info outcome;
    memset(out, 0, sizeof(*out));
    buf_init(&o.header, AGE_HEADER_MAX);
    err_save(opened(parts, &o, stop, out), &outcome);
    buf_clear(&o.header);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}

struct uuid rescan_since(int64_t micros)
{
    struct uuid id = {{0}};
    uint64_t ms = micros > 0 ? (uint64_t)micros / 1000 : 0;
    for (size_t i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    return id;
}
