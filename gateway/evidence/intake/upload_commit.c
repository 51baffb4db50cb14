/* What becomes durable at the end of the road: the header, and in one transaction the artefact,
 * its link, its log entry and what the Idempotency-Key stands for. */
#include "gateway/evidence/intake/upload_internal.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/inspection/unlock.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reports/internal.h"
#include "gateway/evidence/rules/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- idempotency -------------------------------------------------------------------------- */

enum err upload_key_take(struct upload *u)
{
    if (!u->rq.idempotency_key[0])
        return ERR_OK;
    TRY(running_take(u->ev->running, &u->principal, u->rq.idempotency_key, &u->running));
    u->key_held = true;
    return ERR_OK;
}

/* What is kept of an answer: the artefact's id, and for a duplicate its own entry. */
static void answer_write(const struct upload *u, char *out, size_t cap)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&u->artefact.id, id);
    if (u->is_duplicate)
        (void)snprintf(out, cap, "%s %" PRIu64, id, u->duplicate.entry);
    else
        (void)snprintf(out, cap, "%s", id);
}

static bool answer_read(const char *text, struct upload *u)
{
    char id[UUID_TEXT_SIZE], *end = NULL;
    (void)snprintf(id, sizeof(id), "%s", text);
    if (uuid_parse(id, &u->known_artefact) != ERR_OK)
        return false;
    const char *rest = text + strlen(id);
    u->known_duplicate = *rest == ' ';
    if (u->known_duplicate)
        u->known_entry = strtoull(rest + 1, &end, 10);
    return u->known_duplicate ? *end == 0 : *rest == 0;
}

enum err upload_key_check(struct upload *u, struct db *db)
{
    if (!u->key_held)
        return ERR_OK;
    struct person me = person_of(&u->principal);
    AUTO_CLEAR(buf_clear) struct buf answer;
    buf_init(&answer, IDEMPOTENCY_ANSWER_MAX);
    enum err found =
        idempotency_find(db, &me, u->rq.idempotency_key, clock_now(), &u->known, &answer);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    if (!answer_read(buf_text(&answer), u))
        return refuse(REFUSAL_KEY_REUSED); /* by a call that is no upload (rules/replay.h) */
    u->repeat = true;
    return ERR_OK;
}

/* Same claim, kind, recording, report and bytes: the same request. */
static enum err fingerprint(const struct upload *u, uint8_t out[32])
{
    const void *parts[] = {"upload",
                           &u->rq.claim,
                           u->rq.kind,
                           &u->rq.assessment,
                           &u->rq.recording_started_at,
                           &u->rq.recording_stopped_at,
                           u->sealed.sha256,
                           u->report ? u->report->print : NULL,
                           &u->rq.request};
    const size_t lens[] = {6,
                           sizeof(u->rq.claim),
                           strlen(u->rq.kind) + 1,
                           sizeof(u->rq.assessment),
                           sizeof(u->rq.recording_started_at),
                           sizeof(u->rq.recording_stopped_at),
                           32,
                           u->report ? sizeof(u->report->print) : 0,
                           u->rq.has_request ? sizeof(u->rq.request) : 0};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

/* Its receipt is that of its own entry: the first one names who sent that. */
static void result_of_duplicate(const struct upload *u, struct upload_result *out)
{
    out->artefact = u->duplicate.artefact;
    out->artefact.ledger_index = u->duplicate.entry;
    out->duplicate = true;
    out->others = !person_is(&u->duplicate.artefact.uploader, &u->principal);
    out->linked_at = u->duplicate.linked_at;
}

/* Linked by now, perhaps; to which claim is not told. */
static enum err report_again(struct db *db, struct upload_result *out)
{
    TRY(report_is_linked(db, &out->artefact.id, &out->linked));
    return report_claim_hide(db, &out->artefact);
}

enum err upload_answer_again(struct upload *u, struct upload_result *out)
{
    uint8_t print[32];
    TRY(fingerprint(u, print));
    if (!equal_constant_time(print, u->known.fingerprint, sizeof(print)))
        return refuse(REFUSAL_KEY_REUSED);
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(u->ev->parts.db, &db));
    out->repeated = true;
    if (!u->known_duplicate) {
        TRY(artefact_find(db, &u->known_artefact, &out->artefact));
        return u->report ? report_again(db, out) : ERR_OK;
    }
    out->linked = u->report != NULL;
    TRY(duplicate_again(db, &u->principal, &u->known_artefact, &u->rq.claim, &u->duplicate));
    u->duplicate.entry = u->known_entry;
    result_of_duplicate(u, out);
    return ERR_OK;
}

/* --- the transaction ---------------------------------------------------------------------- */

static enum err status_decide(struct upload *u, struct db *db)
{
    enum recording_verdict verdict;
    enum recording_state next;
    struct artefact_record *a = &u->artefact;
    TRY(upload_check_recording(u, db, &verdict));
    inspecting_status(u, a);
    if (recording_next(RECORDING_RECEIVING, RECORDING_COMMIT, verdict, &next) &&
        next == RECORDING_IN_QUARANTINE && a->status != ARTEFACT_RESTRICTED) {
        a->status = ARTEFACT_QUARANTINED;
        (void)snprintf(a->status_reason, sizeof(a->status_reason), STATUS_REASON_NO_NOTICE);
    }
    return ERR_OK;
}

static enum err upload_log(struct upload *u, struct commit_tx *tx)
{
    struct artefact_record *a = &u->artefact;
    AUTO(json_free) json_t *entry = entry_new("upload.committed", &u->principal, u->role);
    entry_artefact(entry, a);
    entry_hex(entry, "sha256", a->sha256);
    entry_hex(entry, "sealed_checksum", a->sealed_sha256);
    json_put_int(entry, "size", (json_int_t)a->size);
    json_put_text(entry, "media_type", a->media_type);
    json_put_text(entry, "status", artefact_status_name(a->status));
    json_put_text_if(entry, "status_reason", a->status_reason);
    if (u->rq.has_assessment) {
        char id[UUID_TEXT_SIZE];
        uuid_format(&u->rq.assessment, id);
        json_put_text(entry, "assessment", id);
    }
    if (u->report)
        TRY(report_entry(u, commit_db(tx), entry));
    inspecting_entry(u, entry);
    if (!uuid_is_nil(&u->session))
        entry_upload(entry, &u->session);
    struct ledger_ref ref;
    TRY(entry_append(tx, entry, &ref));
    a->ledger_index = ref.index;
    return ERR_OK;
}

static enum err key_remember(struct upload *u, struct db *db)
{
    if (!u->key_held)
        return ERR_OK;
    struct idempotency_record r = {
        .client = person_of(&u->principal),
        .status = 201,
        .expires_at = clock_now() + u->ev->config.idempotency_ttl_s * MICROS_PER_SECOND,
    };
    memcpy(r.key, u->rq.idempotency_key, sizeof(r.key));
    TRY(fingerprint(u, r.fingerprint));
    char answer[UUID_TEXT_SIZE + 32];
    answer_write(u, answer, sizeof(answer));
    enum err e = idempotency_insert(db, &r, answer, strlen(answer));
    return e == ERR_EXISTS ? refuse(REFUSAL_KEY_BUSY) : e; /* by another process */
}

static enum err store_new(struct upload *u, struct commit_tx *tx)
{
    struct db *db = commit_db(tx);
    struct artefact_record *a = &u->artefact;
    TRY(quota_take(u->ev, db, a));
    TRY(upload_log(u, tx));
    TRY(artefact_insert(db, a));
    TRY(header_put(db, &a->id, u->key_id, u->header.data, u->header.len));
    TRY(inspecting_store(u, db));
    struct link_record link = {
        .artefact = a->id, .claim = a->claim, .by = a->uploader, .created_at = a->received_at};
    if (!uuid_is_nil(&a->claim))
        TRY(link_insert(db, &link));
    TRY(telling_received(&u->ev->config.telling, db, a));
    return u->report ? report_store(u, tx) : ERR_OK;
}

static enum err upload_apply(struct commit_tx *tx, void *ctx)
{
    struct upload *u = ctx;
    struct db *db = commit_db(tx);
    struct artefact_record *a = &u->artefact;
    TRY(upload_check_authority(u, db));
    TRY(status_decide(u, db));
    a->received_at = clock_now();
    (void)snprintf(a->uploader_role, sizeof(a->uploader_role), "%s", role_name(u->role));
    enum err known = duplicate_find(db, &u->principal, a, &u->duplicate);
    if (known != ERR_OK && known != ERR_NOT_FOUND)
        return known;
    u->is_duplicate = known == ERR_OK;
    if (u->is_duplicate) {
        TRY(duplicate_log(tx, &u->principal, u->role, &u->session, &u->duplicate));
        u->artefact = u->duplicate.artefact;
        TRY(unlock_wait(&u->ev->config, db, &u->artefact));
    } else {
        TRY(store_new(u, tx));
    }
    TRY(upload_fulfil_request(u, tx));
    TRY(key_remember(u, db));
    return u->also ? u->also(tx, u, u->also_ctx) : ERR_OK;
}

static enum err header_make(struct upload *u)
{
    struct keyring ring;
    pthread_rwlock_rdlock(&u->ev->keyring_lock);
    ring = u->ev->keyring;
    pthread_rwlock_unlock(&u->ev->keyring_lock);
    const struct keyring_key *active = &ring.keys[ring.active];
    memcpy(u->key_id, active->id, sizeof(u->key_id));
    TRY(age_header_seal(u->file_key, &u->artefact.id, &active->recipient,
                        ring.has_recovery ? &ring.recovery : NULL, &u->header));
    key_slab_give(u->ev->keys, u->file_key);
    u->file_key = NULL;
    return ERR_OK;
}

enum err upload_store(struct upload *u, struct upload_result *out)
{
    u->artefact.size = u->sealed.size;
    u->artefact.sealed_size = u->sealed.sealed_size;
    memcpy(u->artefact.sha256, u->sealed.sha256, 32);
    memcpy(u->artefact.sealed_sha256, u->sealed.checksum, 32);
    if (u->also) { /* it began long ago: lists show first what came last */
        u->artefact.id = uuid_new();
        blob_publish_as(u->blob, &u->artefact.id);
    }
    struct uuid blob = u->artefact.id;
    TRY(inspecting_seal(u));
    TRY(header_make(u));
    TRY(blob_flush(u->blob));
    TRY(evidence_commit(u->ev, upload_apply, u, u->blob));
    *out = (struct upload_result){.artefact = u->artefact};
    out->linked = u->report && (u->report->linked || u->is_duplicate);
    if (u->is_duplicate) {
        result_of_duplicate(u, out);
        enum err e = blob_remove(u->ev->parts.blobs, &blob);
        (void)e; /* then the sweep of what no record names takes it */
    }
    atomic_fetch_add(&u->ev->uploads_accepted, 1);
    return ERR_OK;
}

enum err upload_result_refused(struct evidence *ev, struct upload_result *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct password_wait w;
    if (!unlock_awaited(&out->artefact))
        return ERR_OK;
    TRY(db_read_begin(ev->parts.db, &db));
    enum err found = password_wait_find(db, &out->artefact.id, &w);
    if (found == ERR_NOT_FOUND)
        return ERR_OK; /* it came meanwhile */
    TRY(found);
    out->awaits_until = w.expires_at;
    return refuse(REFUSAL_PASSWORD_PROTECTED);
}
