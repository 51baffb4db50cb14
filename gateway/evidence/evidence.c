/* Builds the context and keeps house: ended read sessions and counted refusals are told to the
 * log, keys are forgotten, objects that no record names are swept. */
#include "gateway/evidence/evidence.h"

#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/evidence/bundles/bundle.h"
#include "gateway/evidence/inspection/rescan.h"
#include "gateway/evidence/inspection/unlock.h"
#include "gateway/evidence/intake/seal.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/keeping/disposal.h"
#include "gateway/evidence/keeping/retention.h"
#include "gateway/evidence/log/denial.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/log/flood.h"
#include "gateway/evidence/log/scribe.h"
#include "gateway/evidence/reading/closing.h"
#include "gateway/evidence/reading/opener.h"
#include "gateway/evidence/reading/session.h"
#include "gateway/evidence/reports/report.h"
#include "gateway/evidence/resumable/internal.h"
#include "gateway/evidence/rules/running.h"
#include "gateway/evidence/rules/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEALERS_KEPT = 32,   /* idle sealing buffers */
    OPENERS_KEPT = 32,   /* idle chunk buffers */
    KEYS_WAITING = 256,  /* Idempotency-Keys of uploads that are being asked for */
    ORPHAN_AGE_S = 3600, /* an object without a record may belong to a running commit */
};

enum err evidence_commit(struct evidence *ev, enum err (*apply)(struct commit_tx *, void *),
                         void *ctx, struct blob_writer *blob)
{
    struct commit_job job = {.apply = apply, .ctx = ctx, .blob = blob};
    return committer_run(ev->parts.committer, &job);
}

enum err evidence_keep(struct evidence *ev, enum err (*apply)(struct commit_tx *, void *),
                       void *ctx)
{
    struct commit_job job = {.apply = apply, .ctx = ctx, .unlogged = true};
    return committer_run(ev->parts.committer, &job);
}

enum err evidence_unsigned(enum err e)
{
    return e == ERR_NOT_FOUND
               ? err_set(ERR_UNAVAILABLE, "it is stored, but no receipt could be signed yet")
               : e;
}

enum err evidence_receipt(struct evidence *ev, uint64_t index, struct buf *out)
{
    return evidence_unsigned(ledger_receipt(ev->parts.ledger, index, out));
}

/* --- the context -------------------------------------------------------------------------- */

static enum err parts_make(struct evidence *ev)
{
    size_t keys = (size_t)ev->config.uploads + ev->config.read_sessions;
    TRY(key_slab_new(keys, &ev->keys));
    TRY(opener_pool_new(OPENERS_KEPT, &ev->openers));
    TRY(sealer_pool_new(ev->config.uploads, SEALERS_KEPT, &ev->sealers));
    TRY(session_table_new(ev->config.read_sessions, ev->keys, &ev->sessions));
    TRY(running_new((size_t)ev->config.uploads + KEYS_WAITING, &ev->running));
    TRY(share_new(ev->config.uploads, &ev->upload_shares));
    TRY(share_new(BUNDLES_MAX, &ev->bundle_shares));
    TRY(flood_new(&ev->flood));
    TRY(closings_new(&ev->closings));
    TRY(resumable_table_new(ev->config.uploads_warm, &ev->resumables));
    return scribe_start(ev->parts.committer, &ev->scribe);
}

static enum err intake_key_take(struct evidence *ev)
{
    bool persistent = false;
    TRY(keeper_intake_key(ev->parts.keeper, &ev->intake_key, &persistent));
    if (!persistent)
        log_event(LOG_WARN, "intake_key.missing",
                  log_str("means", "unfinished uploads end with the process"),
                  log_str("file", KEEPER_INTAKE_KEY_FILE));
    return ERR_OK;
}

static enum err text_copy(char *out, size_t cap, const char *text, const char *what)
{
    if (strlen(text) >= cap)
        return err_set(ERR_INVALID, "%s is too long", what);
    memcpy(out, text, strlen(text) + 1);
    return ERR_OK;
}

static enum err inspection_begin_due(struct evidence *ev)
{
    const struct evidence_parts *parts = &ev->parts;
    struct rescan_parts needed = {
        .db = parts->db,
        .ledger = parts->ledger,
        .committer = parts->committer,
        .blobs = parts->blobs,
        .keeper = parts->keeper,
        .kinds = parts->kinds,
        .inspectors = parts->inspectors,
        .openers = ev->openers,
        .intake_key = ev->intake_key,
        .policy = ev->config.inspecting,
        .telling = ev->config.telling,
        .intake_only = ev->config.intake_only,
    };
    bool wanted = ev->config.inspection && parts->inspectors;
    return wanted ? rescan_start(&needed, &ev->rescan) : ERR_OK;
}

enum err evidence_new(const struct evidence_config *config, const struct evidence_parts *parts,
                      struct evidence **out)
{
    AUTO(evidence_free) struct evidence *ev = calloc(1, sizeof(*ev));
    if (!ev)
        return err_set(ERR_NOMEM, "evidence");
    ev->config = *config;
    ev->parts = *parts;
    pthread_rwlock_init(&ev->keyring_lock, NULL);
    TRY(text_copy(ev->party_issuer, sizeof(ev->party_issuer), config->party_issuer,
                  "party_issuer"));
    TRY(text_copy(ev->keyring_file, sizeof(ev->keyring_file), config->keyring_file,
                  "keyring_file"));
    TRY(keyring_read(ev->keyring_file, &ev->keyring));
    TRY(intake_key_take(ev));
    TRY(parts_make(ev));
    if (ledger_health(parts->ledger) == ERR_OK)
        TRY(closing_crashed(ev));
    TRY(inspection_begin_due(ev));
    *out = TAKE(ev);
    return ERR_OK;
}

void evidence_free(struct evidence *ev)
{
    if (!ev)
        return;
    rescan_stop(ev->rescan);
    if (ev->scribe) {
        closing_ended(ev, true);
        denial_flush(ev, true);
    }
    scribe_stop(ev->scribe);
    resumable_table_free(ev->resumables);
    secret_free(ev->intake_key);
    closings_free(ev->closings);
    flood_free(ev->flood);
    share_free(ev->upload_shares);
    share_free(ev->bundle_shares);
    running_free(ev->running);
    session_table_free(ev->sessions);
    sealer_pool_free(ev->sealers);
    opener_pool_free(ev->openers);
    key_slab_free(ev->keys);
    pthread_rwlock_destroy(&ev->keyring_lock);
    free(ev);
}

/* --- policy and keys, told to the log ------------------------------------------------------
 */

static enum err append_entry(struct commit_tx *tx, void *ctx)
{
    struct ledger_ref ref;
    return ledger_append(tx, ctx, &ref);
}

enum err evidence_announce(struct evidence *ev, const uint8_t kinds_sha256[32])
{
    AUTO(json_free) json_t *entry = entry_new("gateway.started", NULL, ROLE_OPERATOR);
    json_put_text(entry, "version", EG_VERSION);
    entry_hex(entry, "kinds_sha256", kinds_sha256);
    json_put_text_if(entry, "kinds_version", ev->parts.kinds->version);
    json_put_text_if(entry, "closed_stage", ev->config.keeping.closed_stage);
    json_put_int(entry, "disposal_grace", ev->config.keeping.grace_s);
    json_put_int(entry, "backups_kept", ev->config.keeping.backups_kept_s);
    json_put_bool(entry, "inspection", ev->config.inspection);
    json_put_bool(entry, "intake_only", ev->config.intake_only);
    json_put_text(entry, "key", ev->keyring.keys[ev->keyring.active].id);
    TRY(evidence_commit(ev, append_entry, entry, NULL));
    return retention_adopt(ev);
}

enum err evidence_reload(struct evidence *ev)
{
    struct keyring fresh;
    TRY(keyring_read(ev->keyring_file, &fresh));
    pthread_rwlock_wrlock(&ev->keyring_lock);
    bool same =
        strcmp(fresh.keys[fresh.active].id, ev->keyring.keys[ev->keyring.active].id) == 0;
    ev->keyring = fresh;
    pthread_rwlock_unlock(&ev->keyring_lock);
    if (same)
        return ERR_OK;
    AUTO(json_free) json_t *entry = entry_new("key.active", NULL, ROLE_OPERATOR);
    json_put_text(entry, "key", fresh.keys[fresh.active].id);
    return evidence_commit(ev, append_entry, entry, NULL);
}

static enum err sweep_keys(struct commit_tx *tx, void *ctx)
{
    (void)ctx;
    return idempotency_sweep(commit_db(tx), clock_now());
}

void evidence_tick(struct evidence *ev)
{
    closing_ended(ev, false);
    denial_flush(ev, false);
    resumable_tick(ev);
    report_tick(ev);
    unlock_tick(ev);
    disposal_tick(ev);
    telling_tick(ev);
    enum err e = evidence_keep(ev, sweep_keys, NULL);
    if (e != ERR_OK)
        log_event(LOG_WARN, "idempotency.sweep_failed", log_err(e));
}

/* --- orphans ------------------------------------------------------------------------------ */

struct sweep {
    struct evidence *ev;
    int64_t before; /* micros */
    size_t removed;
};

static enum err sweep_one(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    struct sweep *s = ctx;
    (void)size;
    if (mtime > s->before)
        return ERR_OK;
    AUTO(db_read_end) struct db *db = NULL;
    bool known = false;
    TRY(db_read_begin(s->ev->parts.db, &db));
    TRY(artefact_exists(db, id, &known));
    if (known)
        return ERR_OK;
    TRY(blob_remove(s->ev->parts.blobs, id));
    s->removed++;
    return ERR_OK;
}

enum err evidence_sweep(struct evidence *ev, size_t *removed)
{
    struct sweep s = {.ev = ev, .before = clock_now() - ORPHAN_AGE_S * MICROS_PER_SECOND};
    enum err e = blob_each(ev->parts.blobs, sweep_one, &s);
    *removed = s.removed;
    return e;
}

/* --- figures ------------------------------------------------------------------------------ */

void evidence_stats(struct evidence *ev, struct evidence_stats *out)
{
    *out = (struct evidence_stats){
        .uploads_now = atomic_load(&ev->uploads_now),
        .read_sessions_now = session_count(ev->sessions),
        .uploads_accepted = atomic_load(&ev->uploads_accepted),
        .uploads_refused = atomic_load(&ev->uploads_refused),
        .bytes_in = atomic_load(&ev->bytes_in),
        .bytes_out = atomic_load(&ev->bytes_out),
        .scribe_dropped = scribe_dropped(ev->scribe),
    };
    struct rescan_stats due = {.due = 0};
    if (!ev->rescan || rescan_stats(ev->rescan, &due) != ERR_OK)
        return;
    out->inspections_due = due.due;
    out->inspections_due_since = due.oldest;
    out->inspected_later = due.done;
    out->rescanned = due.rescanned;
    out->rescan_found = due.found;
}

enum err evidence_health(struct evidence *ev)
{
    uint64_t bytes = 0, inodes = 0;
    TRY(blob_space(ev->parts.blobs, &bytes, &inodes));
    if (bytes < ev->config.reserve_bytes)
        return err_set(ERR_NO_SPACE, "less space is free than the reserve");
    return ERR_OK;
}
