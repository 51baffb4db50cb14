/* One road in. Every refusal that concerns a caller who may send to this claim is told to the
 * log by the scribe, with what is allowed to be kept of it: kind, size, hash, time. The file
 * key lives in this struct's slab slot for the length of the upload and nowhere else. */
#include "gateway/evidence/upload.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/authority.h"
#include "gateway/evidence/choice.h"
#include "gateway/evidence/denial.h"
#include "gateway/evidence/entry.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/running.h"
#include "gateway/evidence/seal.h"
#include "gateway/evidence/share.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_EVERY = 64 * 1024 * 1024 }; /* bytes after which free space is looked at again */

struct upload {
    struct evidence *ev;
    struct principal principal;
    struct upload_request rq;
    const struct kind *kind;
    struct artefact_record artefact;
    enum role role;
    bool reached; /* the caller may send to this claim: it may be named */
    bool counted, shared, key_held, repeat, sniffed, finished;
    struct running_ticket running;
    struct share_ticket share;
    uint64_t room_at;                /* bytes at which free space is looked at again */
    struct idempotency_record known; /* repeat mode */
    struct uuid known_artefact;
    uint8_t *file_key; /* slab slot: file key[16] */
    struct sealer *sealer;
    struct blob_writer *blob;
    struct sealed sealed;
    struct buf header;
    char key_id[KEY_ID_SIZE];
};

/* --- checks at the beginning -------------------------------------------------------------- */

static enum err size_check(const struct upload *u, uint64_t size)
{
    if (size <= u->kind->max_bytes)
        return ERR_OK;
    uint64_t max = u->kind->max_bytes;
    bool giga = max >= UINT64_C(1) << 30;
    unsigned shift = giga ? 30 : 20;
    return refuse_because(REFUSAL_FILE_TOO_LARGE,
                          "The selected file must be smaller than %llu%s",
                          (unsigned long long)(max >> shift), giga ? "GB" : "MB");
}

/* Sound of an assessment comes in as a recording, where the choice decides about it; only the
 * claimant and who acts for them may add what they recorded themselves. */
static bool passes_by_the_choice(const struct upload *u, const char *media_type)
{
    return u->rq.has_assessment && !u->kind->recording &&
           strncmp(media_type, "audio/", 6) == 0 && u->role != ROLE_CLAIMANT &&
           u->role != ROLE_REPRESENTATIVE;
}

static enum err type_check(const struct upload *u, const char *media_type)
{
    if (!kind_allows_type(u->kind, media_type))
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED, "The selected file must be a %s",
                              u->kind->words);
    if (passes_by_the_choice(u, media_type))
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "a recording of an assessment is sent as one");
    return ERR_OK;
}

/* A browser that does not know says octet-stream: then the bytes alone decide. */
static bool type_is_stated(const struct upload *u)
{
    return u->rq.media_type[0] && strcmp(u->rq.media_type, "application/octet-stream") != 0;
}

static enum err kind_check(struct upload *u)
{
    u->kind = kinds_find(u->ev->parts.kinds, u->rq.kind);
    if (!u->kind)
        return refuse_because(REFUSAL_INVALID_REQUEST, "there is no such kind of evidence");
    if (!(u->kind->roles & u->principal.roles))
        return refuse(REFUSAL_NOT_PERMITTED);
    if (u->rq.length == 0)
        return refuse(REFUSAL_FILE_EMPTY);
    if (u->rq.length > 0)
        TRY(size_check(u, (uint64_t)u->rq.length));
    return type_is_stated(u) ? type_check(u, u->rq.media_type) : ERR_OK;
}

static enum err recording_members(const struct upload *u)
{
    const struct upload_request *rq = &u->rq;
    bool stated = rq->recording_started_at != 0 || rq->recording_stopped_at != 0;
    if (!u->kind->recording && !stated)
        return ERR_OK;
    if (u->kind->recording && !rq->has_assessment)
        return refuse_because(REFUSAL_INVALID_REQUEST, "a recording names its assessment");
    if (rq->recording_started_at == 0 || rq->recording_stopped_at == 0)
        return refuse_because(
            REFUSAL_INVALID_REQUEST,
            "a recording states recording_started_at and recording_stopped_at");
    if (rq->recording_stopped_at <= rq->recording_started_at)
        return refuse_because(REFUSAL_INVALID_REQUEST, "the recording stops before it starts");
    if (rq->recording_stopped_at > clock_now() + CHOICE_FUTURE_MAX_S * MICROS_PER_SECOND)
        return refuse_because(REFUSAL_INVALID_REQUEST, "the recording stops in the future");
    return ERR_OK;
}

/* Asked at the start and inside the commit: one assessment of this very claim, and what its
 * choice says. */
static enum err recording_check(const struct upload *u, struct db *db,
                                enum recording_verdict *out)
{
    *out = RECORDING_ALLOWED;
    if (!u->rq.has_assessment)
        return ERR_OK;
    struct assessment_record assessment;
    enum err found = assessment_find(db, &u->rq.assessment, &assessment);
    if (found == ERR_NOT_FOUND ||
        (found == ERR_OK && !uuid_equal(&assessment.claim, &u->rq.claim)))
        return refuse_because(REFUSAL_INVALID_REQUEST, "this claim has no such assessment");
    TRY(found);
    if (!u->kind->recording)
        return ERR_OK;
    TRY(choice_room(u->ev, db, &u->rq.assessment));
    TRY(choice_judge(db, &u->rq.assessment, u->rq.recording_started_at,
                     u->rq.recording_stopped_at, out));
    return *out == RECORDING_REFUSED ? refuse(REFUSAL_RECORDING_OPTED_OUT) : ERR_OK;
}

/* Claim and authority; asked at the start and inside the commit. */
static enum err authority_check(struct upload *u, struct db *db)
{
    struct claim_record claim;
    return authority_claim(db, &u->rq.claim, &u->principal, ACTION_ARTEFACT_CREATE, &claim,
                           NULL, &u->role);
}

static enum err room_check(struct evidence *ev, int64_t length)
{
    uint64_t bytes = 0, inodes = 0;
    TRY(blob_space(ev->parts.blobs, &bytes, &inodes));
    uint64_t wanted = ev->config.reserve_bytes + (length > 0 ? (uint64_t)length : 0);
    return bytes < wanted || inodes < 16 ? refuse(REFUSAL_STORAGE_FULL) : ERR_OK;
}

/* --- idempotency -------------------------------------------------------------------------- */

static enum err key_take(struct upload *u)
{
    if (!u->rq.idempotency_key[0])
        return ERR_OK;
    TRY(running_take(u->ev->running, &u->principal, u->rq.idempotency_key, &u->running));
    u->key_held = true;
    return ERR_OK;
}

static enum err key_check(struct upload *u, struct db *db)
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
    u->repeat = true;
    return uuid_parse(buf_text(&answer), &u->known_artefact);
}

/* Same claim, kind, recording and bytes: the same request. */
static enum err fingerprint(const struct upload *u, uint8_t out[32])
{
    const void *parts[] = {"upload",
                           &u->rq.claim,
                           u->rq.kind,
                           &u->rq.assessment,
                           &u->rq.recording_started_at,
                           &u->rq.recording_stopped_at,
                           u->sealed.sha256};
    const size_t lens[] = {6,
                           sizeof(u->rq.claim),
                           strlen(u->rq.kind) + 1,
                           sizeof(u->rq.assessment),
                           sizeof(u->rq.recording_started_at),
                           sizeof(u->rq.recording_stopped_at),
                           32};
    return sha256_parts(parts, lens, ARRAY_LEN(parts), out);
}

/* --- begin -------------------------------------------------------------------------------- */

static void artefact_describe(struct upload *u)
{
    struct artefact_record *a = &u->artefact;
    const struct upload_request *rq = &u->rq;
    a->id = uuid_new();
    a->claim = rq->claim;
    memcpy(a->kind, u->kind->name, sizeof(a->kind));
    memcpy(a->filename, rq->filename, sizeof(a->filename));
    memcpy(a->description, rq->description, sizeof(a->description));
    a->harmful = u->kind->harmful;
    a->uploader = person_of(&u->principal);
    a->assessment = rq->assessment;
    a->recording_started_at = rq->recording_started_at;
    a->recording_stopped_at = rq->recording_stopped_at;
}

/* Fresh file key, nonce and payload key; the payload key stays inside the sealer. */
static enum err sealing_start(struct upload *u)
{
    uint8_t nonce[AGE_NONCE_SIZE], payload_key[AGE_PAYLOAD_KEY_SIZE];
    TRY(sealer_take(u->ev->sealers, &u->sealer));
    if (u->repeat)
        return seal_begin(u->sealer, NULL, NULL, NULL);
    TRY(key_slab_take(u->ev->keys, &u->file_key));
    randombytes_buf(u->file_key, AGE_FILE_KEY_SIZE);
    randombytes_buf(nonce, sizeof(nonce));
    TRY(blob_begin(u->ev->parts.blobs, &u->artefact.id, &u->blob));
    TRY(age_payload_key(u->file_key, nonce, payload_key));
    enum err e = seal_begin(u->sealer, payload_key, nonce, u->blob);
    sodium_memzero(payload_key, sizeof(payload_key));
    return e;
}

static enum err checks_at_start(struct upload *u)
{
    AUTO(db_read_end) struct db *db = NULL;
    enum recording_verdict verdict;
    TRY(key_take(u)); /* before the snapshot: whoever held it has committed by then */
    TRY(db_read_begin(u->ev->parts.db, &db));
    TRY(authority_check(u, db));
    u->reached = true;
    TRY(kind_check(u));
    TRY(recording_members(u));
    TRY(key_check(u, db));
    if (u->repeat)
        return ERR_OK; /* the first answer stands, whatever has become of it */
    TRY(recording_check(u, db, &verdict));
    u->room_at = ROOM_EVERY;
    return room_check(u->ev, u->rq.length);
}

/* What the log keeps of a refusal: that it was, of what, why, and the hash when the bytes had
 * come. A claim is named only when the caller may send to it. Until the kind is known it may
 * have been one under the harm rule. */
static void note_refused(struct upload *u, enum refusal why)
{
    bool foreign = why == REFUSAL_CLAIM_NOT_FOUND && !u->reached;
    if (foreign || why == REFUSAL_KEY_BUSY)
        return;
    json_t *entry = denial_new(u->ev, &u->principal, "upload.refused", why);
    if (!entry)
        return;
    if (u->reached) {
        entry_claim(entry, &u->rq.claim);
        json_put_text(entry, "role", role_name(u->role));
    }
    json_put_text_if(entry, "kind", u->kind ? u->kind->name : "");
    json_put_bool(entry, "harmful", u->kind ? u->kind->harmful : true);
    if (u->finished) {
        json_put_int(entry, "size", (json_int_t)u->sealed.size);
        entry_hex(entry, "sha256", u->sealed.sha256);
    }
    denial_note(u->ev, entry);
}

static enum err refused(struct upload *u, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    atomic_fetch_add(&u->ev->uploads_refused, 1);
    if (e == ERR_REFUSED)
        note_refused(u, (enum refusal)why.detail);
    return err_restore(&why);
}

enum err upload_begin(struct evidence *ev, const struct principal *p,
                      const struct upload_request *rq, struct upload **out)
{
    AUTO(upload_free) struct upload *u = calloc(1, sizeof(*u));
    if (!u)
        return err_set(ERR_NOMEM, "upload");
    u->ev = ev;
    u->principal = *p;
    u->rq = *rq;
    buf_init(&u->header, AGE_HEADER_MAX);
    enum err e = checks_at_start(u);
    if (e != ERR_OK)
        return refused(u, e);
    artefact_describe(u);
    atomic_fetch_add(&ev->uploads_now, 1);
    u->counted = true;
    e = share_take(ev->upload_shares, p, &u->share);
    if (e != ERR_OK)
        return refused(u, e);
    u->shared = true;
    TRY(sealing_start(u));
    *out = TAKE(u);
    return ERR_OK;
}

/* --- the bytes ---------------------------------------------------------------------------- */

static enum err sniff_now(struct upload *u)
{
    char type[SNIFF_TYPE_MAX + 1];
    u->sniffed = true;
    TRY(seal_sniff(u->sealer, type));
    TRY(type_check(u, type));
    if (type_is_stated(u) && strcmp(type, u->rq.media_type) != 0)
        return refuse_because(REFUSAL_TYPE_NOT_ALLOWED,
                              "The selected file is not what it is called: it looks like %s",
                              type);
    memcpy(u->artefact.media_type, type, sizeof(u->artefact.media_type));
    return ERR_OK;
}
_Static_assert((int)SNIFF_TYPE_MAX == (int)MEDIA_TYPE_MAX, "a sniffed type fits a record");

static enum err write_checked(struct upload *u, const void *data, size_t len)
{
    bool head_was_short = u->artefact.size < SNIFF_HEAD_MAX;
    u->artefact.size += len;
    TRY(size_check(u, u->artefact.size));
    if (u->artefact.size >= u->room_at && !u->repeat) {
        u->room_at += ROOM_EVERY;
        TRY(room_check(u->ev, 0)); /* others write too, and a length need not be stated */
    }
    TRY(seal_write(u->sealer, data, len));
    if (head_was_short && u->artefact.size >= SNIFF_HEAD_MAX && !u->repeat)
        TRY(sniff_now(u));
    return ERR_OK;
}

enum err upload_write(struct upload *u, const void *data, size_t len)
{
    atomic_fetch_add(&u->ev->bytes_in, len);
    enum err e = write_checked(u, data, len);
    return e == ERR_OK ? ERR_OK : refused(u, e);
}

void upload_expect_digest(struct upload *u, const uint8_t sha256[32])
{
    u->rq.has_digest = true;
    memcpy(u->rq.digest, sha256, 32);
}

/* --- the commit --------------------------------------------------------------------------- */

static enum err status_decide(struct upload *u, struct db *db)
{
    enum recording_verdict verdict;
    struct artefact_record *a = &u->artefact;
    TRY(recording_check(u, db, &verdict));
    a->status = ARTEFACT_AVAILABLE;
    a->status_reason[0] = 0;
    if (u->ev->config.inspection) {
        a->status = ARTEFACT_QUARANTINED;
        (void)snprintf(a->status_reason, sizeof(a->status_reason), "not-inspected");
    }
    if (verdict == RECORDING_QUARANTINED) {
        a->status = ARTEFACT_QUARANTINED;
        (void)snprintf(a->status_reason, sizeof(a->status_reason), "recording-no-notice");
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
    struct ledger_ref ref;
    TRY(ledger_append(tx, entry, &ref));
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
    char id[UUID_TEXT_SIZE];
    uuid_format(&u->artefact.id, id);
    enum err e = idempotency_insert(db, &r, id, strlen(id));
    return e == ERR_EXISTS ? refuse(REFUSAL_KEY_BUSY) : e; /* by another process */
}

static enum err upload_apply(struct commit_tx *tx, void *ctx)
{
    struct upload *u = ctx;
    struct db *db = commit_db(tx);
    struct artefact_record *a = &u->artefact;
    TRY(authority_check(u, db));
    TRY(status_decide(u, db));
    a->received_at = clock_now();
    (void)snprintf(a->uploader_role, sizeof(a->uploader_role), "%s", role_name(u->role));
    TRY(upload_log(u, tx));
    TRY(artefact_insert(db, a));
    TRY(header_put(db, &a->id, u->key_id, u->header.data, u->header.len));
    struct link_record link = {
        .artefact = a->id, .claim = a->claim, .by = a->uploader, .created_at = a->received_at};
    TRY(link_insert(db, &link));
    return key_remember(u, db);
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

static enum err bytes_check(struct upload *u)
{
    if (u->sealed.size == 0)
        return refuse(REFUSAL_FILE_EMPTY);
    if (u->rq.has_digest && !equal_constant_time(u->rq.digest, u->sealed.sha256, 32))
        return refuse(REFUSAL_DIGEST_MISMATCH);
    if (!u->repeat && !u->sniffed)
        TRY(sniff_now(u));
    return ERR_OK;
}

static enum err answer_again(struct upload *u, struct upload_result *out)
{
    uint8_t print[32];
    TRY(fingerprint(u, print));
    if (!equal_constant_time(print, u->known.fingerprint, sizeof(print)))
        return refuse(REFUSAL_KEY_REUSED);
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(u->ev->parts.db, &db));
    TRY(artefact_find(db, &u->known_artefact, &out->artefact));
    out->repeated = true;
    return ERR_OK;
}

static enum err store_new(struct upload *u, struct upload_result *out)
{
    u->artefact.size = u->sealed.size;
    u->artefact.sealed_size = u->sealed.sealed_size;
    memcpy(u->artefact.sha256, u->sealed.sha256, 32);
    memcpy(u->artefact.sealed_sha256, u->sealed.checksum, 32);
    TRY(header_make(u));
    TRY(blob_flush(u->blob));
    TRY(evidence_commit(u->ev, upload_apply, u, u->blob));
    out->artefact = u->artefact;
    out->repeated = false;
    atomic_fetch_add(&u->ev->uploads_accepted, 1);
    return ERR_OK;
}

static enum err finish_checked(struct upload *u, struct upload_result *out)
{
    TRY(seal_finish(u->sealer, &u->sealed));
    u->finished = true;
    TRY(bytes_check(u));
    return u->repeat ? answer_again(u, out) : store_new(u, out);
}

enum err upload_finish(struct upload *u, struct upload_result *out)
{
    enum err e = finish_checked(u, out);
    if (e != ERR_OK)
        return refused(u, e);
    buf_init(&out->receipt, RECEIPT_MAX);
    return evidence_receipt(u->ev, out->artefact.ledger_index, &out->receipt);
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    sealer_give(u->sealer);
    blob_writer_free(u->blob); /* unpublished: discarded */
    if (u->file_key)
        key_slab_give(u->ev->keys, u->file_key);
    if (u->key_held)
        running_give(u->ev->running, &u->running);
    if (u->shared)
        share_give(u->ev->upload_shares, &u->share);
    if (u->counted)
        atomic_fetch_sub(&u->ev->uploads_now, 1);
    buf_clear(&u->header);
    free(u);
}
