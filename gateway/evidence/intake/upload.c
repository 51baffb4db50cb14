/* One road in. Every refusal that concerns a caller who may send to this claim is told to the
 * log by the scribe, with what is allowed to be kept of it: kind, size, hash, time. The file
 * key lives in this struct's slab slot for the length of the upload and nowhere else. */
#include "gateway/evidence/intake/upload_internal.h"

#include "gateway/evidence/log/denial.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reports/internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_EVERY = 64 * 1024 * 1024 }; /* bytes after which free space is looked at again */

/* --- begin -------------------------------------------------------------------------------- */

static void artefact_describe(struct upload *u)
{
    struct artefact_record *a = &u->artefact;
    const struct upload_request *rq = &u->rq;
    a->id = uuid_new();
    a->claim = rq->claim;
    memcpy(a->filename, rq->filename, sizeof(a->filename));
    a->uploader = person_of(&u->principal);
}

/* What may also come behind the bytes. */
static void artefact_classify(struct upload *u)
{
    struct artefact_record *a = &u->artefact;
    const struct upload_request *rq = &u->rq;
    memcpy(a->kind, u->kind->name, sizeof(a->kind));
    memcpy(a->description, rq->description, sizeof(a->description));
    a->harmful = u->kind->harmful || u->report;
    a->assessment = rq->assessment;
    a->recording_started_at = rq->recording_started_at;
    a->recording_stopped_at = rq->recording_stopped_at;
}

/* Fresh file key, nonce and payload key; the payload key stays inside the sealer. */
static enum err sealing_start(struct upload *u)
{
    uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE];
    TRY(sealer_take(u->ev->sealers, &u->sealer));
    if (u->repeat)
        return seal_begin(u->sealer, NULL, NULL, NULL);
    TRY(key_slab_take(u->ev->keys, &u->file_key));
    const uint8_t *nonce = u->file_key + REST_NONCE;
    randombytes_buf(u->file_key, REST_TAIL);
    TRY(blob_begin(u->ev->parts.blobs, &u->artefact.id, &u->blob));
    TRY(age_payload_key(u->file_key + REST_KEY, nonce, payload_key));
    enum err e = seal_begin(u->sealer, payload_key, nonce, u->blob);
    sodium_memzero(payload_key, sizeof(payload_key));
    return e == ERR_OK ? inspecting_watch(u) : e;
}

/* What a form has not said of a recording, it may say behind the file. */
static bool recording_is_told(const struct upload *u)
{
    const struct upload_request *rq = &u->rq;
    return !rq->described_later || (rq->has_assessment && rq->recording_started_at != 0 &&
                                    rq->recording_stopped_at != 0);
}

static enum err described_check(struct upload *u)
{
    if (u->rq.described_later && !u->rq.kind[0])
        return upload_check_any_kind(u);
    TRY(upload_check_kind(u));
    return recording_is_told(u) ? upload_check_recording_times(u) : ERR_OK;
}

static uint64_t stated_size(const struct upload *u)
{
    return u->rq.length > 0 ? (uint64_t)u->rq.length : 0;
}

static enum err checks_at_start(struct upload *u)
{
    AUTO(db_read_end) struct db *db = NULL;
    enum recording_verdict verdict;
    TRY(upload_key_take(u)); /* before the snapshot: whoever held it has committed by then */
    TRY(db_read_begin(u->ev->parts.db, &db));
    TRY(upload_check_authority(u, db));
    u->reached = true;
    TRY(described_check(u));
    TRY(upload_key_check(u, db));
    if (u->repeat)
        return ERR_OK; /* the first answer stands, whatever has become of it */
    if (u->kind && recording_is_told(u))
        TRY(upload_check_recording(u, db, &verdict));
    TRY(upload_check_request(u, db));
    u->room_at = ROOM_EVERY;
    TRY(upload_check_quota(u, db, stated_size(u)));
    return upload_check_room(u->ev, u->rq.length);
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
    if (!uuid_is_nil(&u->session))
        entry_upload(entry, &u->session);
    json_put_text_if(entry, "kind", u->kind ? u->kind->name : "");
    json_put_bool(entry, "harmful", u->kind && !u->report ? u->kind->harmful : true);
    if (u->finished) {
        json_put_int(entry, "size", (json_int_t)u->sealed.size);
        entry_hex(entry, "sha256", u->sealed.sha256);
    }
    inspecting_entry(u, entry);
    if (why == REFUSAL_CONTAINS_VIRUS)
        u->refusal_logged = denial_commit(u->ev, entry, &u->refusal_entry) == ERR_OK;
    else
        denial_note(u->ev, entry);
}

enum err upload_refused(struct upload *u, enum err e)
{
    struct err_info why;
    err_save(e, &why);
    atomic_fetch_add(&u->ev->uploads_refused, 1);
    if (e == ERR_REFUSED)
        note_refused(u, (enum refusal)why.detail);
    u->told = u->told || e == ERR_REFUSED;
    return err_restore(&why);
}

/* Whether what was sent may have been under the harm rule, as far as is known. */
static bool maybe_harmful(const struct upload *u)
{
    const struct kinds *kinds = u->ev->parts.kinds;
    if (u->kind)
        return u->kind->harmful || u->report;
    for (size_t i = 0; i < kinds->n; i++) {
        if (kinds->rows[i].harmful && (kinds->rows[i].roles & u->principal.roles))
            return true;
    }
    return false;
}

/* An outcome that nobody was told of may still be a good one. */
static bool is_stored(const struct upload *u)
{
    AUTO(db_read_end) struct db *db = NULL;
    bool stored = false;
    if (!u->finished || db_read_begin(u->ev->parts.db, &db) != ERR_OK)
        return false;
    return artefact_exists(db, &u->artefact.id, &stored) == ERR_OK && stored;
}

/* It was begun, and nothing has been said of its end: the connection broke, or the trouble was
 * ours. Whoever sent it finds it in the claim's history. */
static void note_broken(struct upload *u)
{
    if (!u->begun || u->told || u->repeat || is_stored(u))
        return;
    json_t *entry = denial_entry(u->ev, &u->principal, "upload.broken",
                                 u->finished ? "trouble" : "incomplete");
    if (!entry)
        return;
    entry_claim(entry, &u->rq.claim);
    json_put_text(entry, "role", role_name(u->role));
    json_put_text_if(entry, "kind", u->kind ? u->kind->name : "");
    json_put_bool(entry, "harmful", maybe_harmful(u));
    json_put_int(entry, "size", (json_int_t)u->artefact.size);
    denial_note(u->ev, entry);
}

static enum err upload_make(struct evidence *ev, const struct principal *p,
                            const struct upload_request *rq, struct upload **out)
{
    struct upload *u = calloc(1, sizeof(*u));
    if (!u)
        return err_set(ERR_NOMEM, "upload");
    u->ev = ev;
    u->principal = *p;
    u->rq = *rq;
    u->quota_left = UINT64_MAX;
    buf_init(&u->header, AGE_HEADER_MAX);
    *out = u;
    return rq->report ? report_said_new(&u->report) : ERR_OK;
}

static enum err share_admit(struct upload *u)
{
    atomic_fetch_add(&u->ev->uploads_now, 1);
    u->counted = true;
    enum err e = share_take(u->ev->upload_shares, &u->principal, &u->share);
    if (e != ERR_OK)
        return upload_refused(u, e);
    u->shared = true;
    return ERR_OK;
}

enum err upload_begin(struct evidence *ev, const struct principal *p,
                      const struct upload_request *rq, struct upload **out)
{
    AUTO(upload_free) struct upload *u = NULL;
    TRY(upload_make(ev, p, rq, &u));
    enum err e = checks_at_start(u);
    if (e != ERR_OK)
        return upload_refused(u, e);
    artefact_describe(u);
    if (u->kind)
        artefact_classify(u);
    TRY(share_admit(u));
    TRY(sealing_start(u));
    u->begun = true;
    *out = TAKE(u);
    return ERR_OK;
}

/* --- the beginning of one over several requests ------------------------------------------- */

static enum err checks_of_evidence(struct upload *u, struct db *db)
{
    enum recording_verdict verdict;
    TRY(upload_check_kind(u));
    TRY(upload_check_recording_times(u));
    TRY(upload_check_request(u, db));
    return upload_check_recording(u, db, &verdict);
}

static enum err checks_prepared(struct upload *u, uint64_t have)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(u->ev->parts.db, &db));
    if (!u->is_part || !uuid_is_nil(&u->rq.claim)) {
        TRY(upload_check_authority(u, db));
        u->reached = true;
    }
    TRY(u->is_part ? upload_check_any_kind(u) : checks_of_evidence(u, db));
    u->room_at = ROOM_EVERY;
    TRY(upload_check_quota(u, db, stated_size(u)));
    return upload_check_room(u->ev, u->rq.length > 0 ? u->rq.length - (int64_t)have : -1);
}

uint64_t upload_begun(const struct upload_record *r)
{
    return r->length > 0 && (uint64_t)r->length > r->offset ? (uint64_t)r->length : r->offset;
}

enum err upload_prepare(struct evidence *ev, const struct principal *p,
                        const struct upload_request *rq, const struct upload_standing *standing,
                        struct upload **out)
{
    AUTO(upload_free) struct upload *u = NULL;
    TRY(upload_make(ev, p, rq, &u));
    u->is_part = standing->is_part;
    u->session = standing->session;
    u->begun_size = standing->begun;
    if (u->rq.length == 0)
        u->rq.length = -1; /* that it is empty is found at its end */
    enum err e = checks_prepared(u, standing->have);
    if (e != ERR_OK)
        return upload_refused(u, e);
    artefact_describe(u);
    if (u->kind)
        artefact_classify(u);
    *out = TAKE(u);
    return ERR_OK;
}

enum err upload_admit(struct upload *u)
{
    TRY(share_admit(u));
    return sealer_take(u->ev->sealers, &u->sealer);
}

enum err upload_admit_whole(struct upload *u)
{
    TRY(share_admit(u));
    return sealing_start(u);
}

/* --- the bytes ---------------------------------------------------------------------------- */

/* A length need not be stated, and more was sent meanwhile. */
static enum err quota_again(struct upload *u)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(u->ev->parts.db, &db));
    return upload_check_quota(u, db, u->artefact.size);
}

static enum err write_checked(struct upload *u, const void *data, size_t len)
{
    bool head_was_short = u->artefact.size < SNIFF_HEAD_MAX;
    u->artefact.size += len;
    TRY(upload_check_size(u, u->artefact.size));
    if (u->artefact.size > u->quota_left && !u->repeat)
        TRY(quota_again(u));
    if (u->artefact.size >= u->room_at && !u->repeat) {
        u->room_at += ROOM_EVERY;
        TRY(upload_check_room(u->ev,
                              0)); /* others write too, and a length need not be stated */
    }
    TRY(seal_write(u->sealer, data, len));
    if (head_was_short && u->artefact.size >= SNIFF_HEAD_MAX && !u->repeat && !u->is_part)
        TRY(upload_check_bytes_type(u));
    return ERR_OK;
}

enum err upload_write(struct upload *u, const void *data, size_t len)
{
    atomic_fetch_add(&u->ev->bytes_in, len);
    enum err e = write_checked(u, data, len);
    return e == ERR_OK ? ERR_OK : upload_refused(u, e);
}

void upload_expect_digest(struct upload *u, const uint8_t sha256[32])
{
    if (u->rq.has_digest && !equal_constant_time(u->rq.digest, sha256, 32))
        u->contradicted = true;
    u->rq.has_digest = true;
    memcpy(u->rq.digest, sha256, 32);
}

/* --- what comes behind them --------------------------------------------------------------- */

static enum err describe_checked(struct upload *u)
{
    AUTO(db_read_end) struct db *db = NULL;
    enum recording_verdict verdict;
    TRY(upload_check_kind(u));
    TRY(upload_check_size(u, u->artefact.size));
    TRY(upload_check_recording_times(u));
    if (u->repeat)
        return ERR_OK;
    TRY(upload_check_known_type(u));
    TRY(db_read_begin(u->ev->parts.db, &db));
    TRY(upload_check_request(u, db));
    return upload_check_recording(u, db, &verdict);
}

enum err upload_describe(struct upload *u, const struct upload_request *later)
{
    assert(u->rq.described_later && !u->finished);
    u->rq.described_later = false;
    memcpy(u->rq.kind, later->kind, sizeof(u->rq.kind));
    memcpy(u->rq.description, later->description, sizeof(u->rq.description));
    u->rq.has_assessment = later->has_assessment;
    u->rq.assessment = later->assessment;
    u->rq.has_request = later->has_request;
    u->rq.request = later->request;
    u->rq.recording_started_at = later->recording_started_at;
    u->rq.recording_stopped_at = later->recording_stopped_at;
    enum err e = describe_checked(u);
    if (e != ERR_OK)
        return upload_refused(u, e);
    artefact_classify(u);
    return ERR_OK;
}

/* --- the end ------------------------------------------------------------------------------ */

static enum err bytes_check(struct upload *u)
{
    if (!u->kind)
        return refuse_because(REFUSAL_INVALID_REQUEST, "there is no kind");
    if (u->sealed.size == 0)
        return refuse(REFUSAL_FILE_EMPTY);
    bool differs = u->rq.has_digest && !equal_constant_time(u->rq.digest, u->sealed.sha256, 32);
    if (u->contradicted || differs)
        return refuse(REFUSAL_DIGEST_MISMATCH);
    if (u->repeat)
        return ERR_OK;
    /* Asked once more where it was found long ago, by a process that may have died of it. */
    return u->sniffed ? upload_check_known_type(u) : upload_check_bytes_type(u);
}

static enum err finish_checked(struct upload *u, struct upload_result *out)
{
    TRY(seal_finish(u->sealer, &u->sealed));
    u->finished = true;
    TRY(bytes_check(u));
    TRY(inspecting_verdict(u));
    return u->repeat ? upload_answer_again(u, out) : upload_store(u, out);
}

/* Of a refusal that somebody may have to answer for later, the sender gets the proof. */
static enum err refusal_receipt(struct upload *u, enum err e, struct upload_result *out)
{
    struct err_info why;
    if (!u->refusal_logged)
        return e;
    err_save(e, &why);
    buf_init(&out->receipt, RECEIPT_MAX);
    if (evidence_receipt(u->ev, u->refusal_entry, &out->receipt) != ERR_OK)
        buf_clear(&out->receipt);
    return err_restore(&why);
}

enum err upload_finish(struct upload *u, struct upload_result *out)
{
    enum err e = finish_checked(u, out);
    if (e != ERR_OK)
        return refusal_receipt(u, upload_refused(u, e), out);
    u->told = true;
    buf_init(&out->receipt, RECEIPT_MAX);
    TRY(evidence_receipt(u->ev, out->artefact.ledger_index, &out->receipt));
    return upload_result_refused(u->ev, out);
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    note_broken(u);
    sealer_give(u->sealer);
    inspecting_free(u); /* nothing is tapped any more */
    blob_writer_free(u->blob); /* unpublished: discarded, but for a part */
    if (u->file_key)
        key_slab_give(u->ev->keys, u->file_key);
    if (u->key_held)
        running_give(u->ev->running, &u->running);
    if (u->shared)
        share_give(u->ev->upload_shares, &u->share);
    if (u->counted)
        atomic_fetch_sub(&u->ev->uploads_now, 1);
    report_said_free(u->report);
    buf_clear(&u->header);
    free(u);
}
