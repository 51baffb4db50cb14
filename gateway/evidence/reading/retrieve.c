/* Chunks are opened straight into the caller's buffer where a whole one fits, else by way of
 * our own; no byte of a chunk is handed out before its tag was checked. Denied reads are told
 * to the log by the scribe, so that a denial takes no longer than an answer about a missing
 * thing. */
#include "gateway/evidence/reading/retrieve.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/claims/waiting.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/denial.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/closing.h"
#include "gateway/evidence/reading/opener.h"
#include "gateway/evidence/reading/session.h"
#include "gateway/evidence/rules/authority.h"

#include <stdlib.h>
#include <string.h>

enum { RECHECK_MS = 2000 };

struct retrieval {
    struct evidence *ev;
    struct principal principal;
    enum purpose stated;
    struct artefact_access access;
    struct uuid bundle; /* nil: none */
    struct session *session;
    struct blob_reader *blob;
    struct opener *opener;
    uint64_t access_seen; /* evidence.access_changes when permission was asked last */
    uint64_t recheck_at;  /* bytes served at which permission is asked again */
    int64_t recheck_ms;   /* and when, however slow the reader is */
    uint64_t served;
};

/* --- permission --------------------------------------------------------------------------- */

static void note_denied(struct evidence *ev, const struct principal *p,
                        const struct artefact_record *a, enum refusal why)
{
    if (uuid_is_nil(&a->id) || why == REFUSAL_PURPOSE_REQUIRED)
        return; /* nothing there, or nothing denied yet */
    json_t *entry = denial_new(ev, p, "read.denied", why);
    if (entry)
        entry_artefact(entry, a);
    denial_note(ev, entry);
}

static enum err permitted(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          enum purpose stated, struct artefact_access *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    if (ev->config.intake_only)
        return refuse(REFUSAL_INTAKE_ONLY);
    TRY(db_read_begin(ev->parts.db, &db));
    enum err e = authority_artefact(db, id, p, ACTION_ARTEFACT_CONTENT, stated, out);
    if (e == ERR_REFUSED) {
        struct err_info why;
        err_save(e, &why);
        note_denied(ev, p, &out->artefact, (enum refusal)why.detail);
        return err_restore(&why);
    }
    return e;
}

enum err retrieve_prepare(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          enum purpose stated, struct retrieval **out)
{
    AUTO(retrieve_free) struct retrieval *r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(ERR_NOMEM, "retrieval");
    r->ev = ev;
    r->principal = *p;
    r->stated = stated;
    r->access_seen = atomic_load(&ev->access_changes);
    TRY(permitted(ev, p, id, stated, &r->access));
    *out = TAKE(r);
    return ERR_OK;
}

void retrieve_bundled(struct retrieval *r, const struct uuid *bundle)
{
    assert(!r->session);
    r->bundle = *bundle;
}

/* --- opening a read session --------------------------------------------------------------- */

struct open_act {
    struct retrieval *r;
    struct buf header;
};

/* Asked again inside the commit: what the entry says was true when it became durable. */
static enum err open_apply(struct commit_tx *tx, void *ctx)
{
    struct open_act *act = ctx;
    struct retrieval *r = act->r;
    struct read_session_record *record = &r->session->record;
    struct artefact_access access;
    char id[UUID_TEXT_SIZE];
    TRY(authority_artefact(commit_db(tx), &record->artefact, &r->principal,
                           ACTION_ARTEFACT_CONTENT, r->stated, &access));
    if (access.role != r->access.role || access.purpose != r->access.purpose)
        return refuse(REFUSAL_TRY_AGAIN); /* how they stand to it changed just now */
    buf_reset(&act->header);
    TRY(header_get(commit_db(tx), &record->artefact, &act->header));

    AUTO(json_free) json_t *entry = entry_new("read.opened", &r->principal, access.role);
    entry_artefact(entry, &access.artefact);
    uuid_format(&record->id, id);
    json_put_text(entry, "session", id);
    json_put_text(entry, "purpose", record->purpose);
    entry_bundle(entry, &r->bundle);
    json_put_text(entry, "status", artefact_status_name(access.artefact.status));
    struct ledger_ref ref;
    TRY(entry_append_linked(tx, entry, &access.artefact, &ref));
    record->ledger_index = ref.index;
    TRY(waiting_opened(commit_db(tx), &record->artefact, access.role));
    return read_session_insert(commit_db(tx), record);
}

static enum err key_fetch(struct retrieval *r, struct open_act *act)
{
    AUTO_CLEAR(buf_clear) struct buf receipt;
    struct session *s = r->session;
    struct keeper_opening opening = {.header = act->header.data,
                                     .header_len = act->header.len,
                                     .artefact = s->record.artefact};
    buf_init(&receipt, RECEIPT_MAX);
    TRY(blob_read(r->blob, 0, opening.nonce, sizeof(opening.nonce)));
    TRY(ledger_receipt(r->ev->parts.ledger, s->record.ledger_index, &receipt));
    opening.receipt = buf_text(&receipt);
    opening.receipt_len = receipt.len;
    TRY(key_slab_take(r->ev->keys, &s->key));
    return keeper_open(r->ev->parts.keeper, &opening, s->key);
}

static enum err session_start(struct retrieval *r)
{
    struct open_act act = {.r = r};
    struct read_session_record *record = &r->session->record;
    buf_init(&act.header, AGE_HEADER_MAX);
    record->id = uuid_new();
    record->opened_at = clock_now();
    record->expires_at = record->opened_at + r->ev->config.read_session_s * MICROS_PER_SECOND;
    r->session->expires_ms = clock_steady_ms() + (int64_t)r->ev->config.read_session_s * 1000;
    r->session->artefact = r->access.artefact;
    enum err e = evidence_commit(r->ev, open_apply, &act, NULL);
    bool recorded = e == ERR_OK || e == ERR_UNAVAILABLE; /* perhaps */
    if (e == ERR_OK)
        e = key_fetch(r, &act);
    buf_clear(&act.header);
    if (e == ERR_OK || !recorded)
        return e;
    struct err_info why;
    err_save(e, &why);
    closing_failed(r->ev, r->session);
    return err_restore(&why);
}

static enum err session_ask(struct retrieval *r, const struct person *me, struct session **out,
                            bool *fresh)
{
    const struct artefact_access *a = &r->access;
    *fresh = true;
    if (!uuid_is_nil(&r->bundle))
        return session_hold_bundled(r->ev->sessions, me, a->role, &a->artefact.id, a->purpose,
                                    &r->bundle, out);
    return session_hold(r->ev->sessions, me, a->role, &a->artefact.id, a->purpose,
                        clock_steady_ms(), out, fresh);
}

/* Where the table is full, idle sessions give way. */
static enum err session_find(struct retrieval *r, struct session **out, bool *fresh)
{
    struct person me = person_of(&r->principal);
    enum err e = session_ask(r, &me, out, fresh);
    if (e != ERR_BUSY || !closing_make_room(r->ev, &me))
        return e;
    return session_ask(r, &me, out, fresh);
}

static enum err session_join(struct retrieval *r)
{
    struct session_table *table = r->ev->sessions;
    struct session *s = NULL;
    bool fresh = false;
    TRY(session_find(r, &s, &fresh));
    r->session = s;
    if (!fresh)
        return ERR_OK;
    enum err e = session_start(r);
    if (e != ERR_OK)
        r->session = NULL; /* session_opened lets it go */
    struct err_info outcome;
    err_save(e, &outcome);
    session_opened(table, s, e);
    return e == ERR_OK ? ERR_OK : err_restore(&outcome);
}

/* --- chunks ------------------------------------------------------------------------------- */

static enum err chunk_open(struct retrieval *r, uint64_t index, uint8_t *out, size_t *len)
{
    uint64_t size = r->access.artefact.size;
    bool last = index + 1 == age_chunk_count(size);
    *len = last ? (size_t)(size - index * AGE_CHUNK_SIZE) : AGE_CHUNK_SIZE;
    size_t sealed_len = *len + AGE_TAG_SIZE;
    TRY(blob_read(r->blob, age_chunk_offset(index), r->opener->sealed, sealed_len));
    return age_open_chunk(r->opener->stream, index, last, r->opener->sealed, sealed_len, out);
}

static bool chunk_is_held(const struct retrieval *r, uint64_t index)
{
    return r->opener->held_len > 0 && r->opener->held_index == index;
}

static enum err chunk_hold(struct retrieval *r, uint64_t index)
{
    if (chunk_is_held(r, index))
        return ERR_OK;
    r->opener->held_len = 0;
    size_t len = 0;
    TRY(chunk_open(r, index, r->opener->plain, &len));
    r->opener->held_len = len;
    if (len > r->opener->touched)
        r->opener->touched = len;
    r->opener->held_index = index;
    return ERR_OK;
}

/* The size on record, the size of the object and the authenticated final chunk must agree
 * before a length is promised. What can be seen without the key is looked at before one is
 * asked for. */
static enum err size_check(const struct retrieval *r)
{
    const struct artefact_record *a = &r->access.artefact;
    if (blob_size(r->blob) != a->sealed_size || a->sealed_size != age_sealed_size(a->size))
        return err_set(ERR_CORRUPT, "the object's size is not the recorded one");
    return ERR_OK;
}

/* Once a session: objects are written once, and every chunk that is read has its own tag. */
static enum err size_authenticate(struct retrieval *r)
{
    TRY(age_open_begin(r->opener->stream, r->session->key));
    if (atomic_load(&r->session->size_authenticated))
        return ERR_OK;
    TRY(chunk_hold(r, age_chunk_count(r->access.artefact.size) - 1));
    atomic_store(&r->session->size_authenticated, true);
    return ERR_OK;
}

static void recheck_later(struct retrieval *r)
{
    r->recheck_at = r->served + ((uint64_t)r->ev->config.recheck_bytes_mib << 20);
    r->recheck_ms = clock_steady_ms() + RECHECK_MS;
}

enum err retrieve_open(struct retrieval *r)
{
    assert(!r->session);
    TRY(blob_open(r->ev->parts.blobs, &r->access.artefact.id, &r->blob));
    TRY(size_check(r));
    TRY(opener_take(r->ev->openers, &r->opener));
    TRY(session_join(r));
    TRY(size_authenticate(r));
    recheck_later(r);
    return ERR_OK;
}

const struct artefact_record *retrieve_artefact(const struct retrieval *r)
{
    return &r->access.artefact;
}

/* --- reading ------------------------------------------------------------------------------ */

void retrieve_access_changed(struct evidence *ev)
{
    atomic_fetch_add(&ev->access_changes, 1);
}

static enum err still_permitted(struct retrieval *r)
{
    uint64_t changes = atomic_load(&r->ev->access_changes);
    if (changes == r->access_seen && r->served < r->recheck_at &&
        clock_steady_ms() < r->recheck_ms)
        return ERR_OK;
    struct artefact_access access;
    r->access_seen = changes; /* as of before the question */
    recheck_later(r);
    return permitted(r->ev, &r->principal, &r->access.artefact.id, r->stated, &access);
}

static void count(struct retrieval *r, size_t len)
{
    r->served += len;
    atomic_fetch_add(&r->session->served, len);
    atomic_fetch_add(&r->ev->bytes_out, len);
}

enum err retrieve_read(struct retrieval *r, uint64_t offset, void *out, size_t cap, size_t *len)
{
    uint64_t size = r->access.artefact.size;
    assert(r->session);
    *len = 0;
    if (offset >= size || cap == 0)
        return ERR_OK;
    TRY(still_permitted(r));
    uint64_t index = offset / AGE_CHUNK_SIZE;
    size_t within = (size_t)(offset % AGE_CHUNK_SIZE);
    if (within == 0 && cap >= AGE_CHUNK_SIZE && !chunk_is_held(r, index)) {
        TRY(chunk_open(r, index, out, len));
    } else {
        TRY(chunk_hold(r, index));
        size_t left = r->opener->held_len - within;
        *len = left < cap ? left : cap;
        memcpy(out, r->opener->plain + within, *len);
    }
    count(r, *len);
    return ERR_OK;
}

void retrieve_free(struct retrieval *r)
{
    if (!r)
        return;
    if (r->session)
        session_let_go(r->ev->sessions, r->session);
    blob_reader_free(r->blob);
    opener_give(r->ev->openers, r->opener);
    free(r);
}
