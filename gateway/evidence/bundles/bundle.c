/* The archive is made as it is read: `pending` holds what is between two items (headers, the
 * texts, pieces of the directory), an item's bytes go from its chunks straight to the reader.
 * At most one item is open, so that a bundle takes the same memory whatever its size, but for a
 * line for each item.
 *
 *     PAGE -> MANIFEST -> ITEMS -> RECEIPTS -> CHECK -> DIRECTORY -> END
 *
 * Invariants: "bundle.opened" is durable before the first byte; an item's "read.opened" before
 * its first byte; before the directory every item is still permitted. The first error is the
 * last thing: nothing comes after it, least of all a directory. */
#include "gateway/evidence/bundles/bundle.h"

#include "crypto/digest.h"
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/base/zip.h"
#include "gateway/evidence/bundles/internal.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/denial.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/log/scribe.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/rules/share.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PENDING_KEPT = 64 * 1024,
    PENDING_MAX = BUNDLE_TEXT_MAX + 4096,
    BUSY_TRIES = 40,
    BUSY_WAIT_US = 250 * 1000,
};

enum phase {
    PHASE_PAGE,
    PHASE_MANIFEST,
    PHASE_ITEMS,
    PHASE_RECEIPTS,
    PHASE_CHECK,
    PHASE_DIRECTORY,
    PHASE_END
};

struct bundle {
    struct evidence *ev;
    struct principal principal;
    enum purpose stated;
    struct bundle_plan plan;
    struct buf manifest, pending;
    size_t pending_at; /* how much of it was taken */
    struct zip *zip;
    enum phase phase;
    size_t at; /* the item (or receipt) whose turn it is */
    struct retrieval *retrieval;
    uint64_t item_at;
    uint64_t sent;
    bool shared, opened, broken;
    struct share_ticket ticket;
    const struct bundle_item *stopped_at;
    char stopped_by[SHORT_TEXT_MAX + 1];
};

const struct uuid *bundle_id(const struct bundle *b)
{
    return &b->plan.id;
}

/* --- permission and plan ------------------------------------------------------------------ */

static void note_denied(struct evidence *ev, const struct principal *p,
                        const struct claim_record *claim, enum refusal why)
{
    if (uuid_is_nil(&claim->id) || why == REFUSAL_PURPOSE_REQUIRED)
        return; /* nothing there, or nothing denied yet */
    json_t *entry = denial_new(ev, p, "read.denied", why);
    if (entry)
        entry_claim(entry, &claim->id);
    denial_note(ev, entry);
}

static enum err plan_make(struct bundle *b, const struct bundle_wish *wish)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_access access;
    TRY(db_read_begin(b->ev->parts.db, &db));
    enum err e = authority_claim_for(db, &wish->claim, &b->principal, ACTION_CLAIM_BUNDLE,
                                     wish->stated, &access);
    if (e == ERR_REFUSED) {
        struct err_info why;
        err_save(e, &why);
        note_denied(b->ev, &b->principal, &access.claim, (enum refusal)why.detail);
        return err_restore(&why);
    }
    TRY(e);
    return bundle_plan_make(db, &b->principal, wish, &access, &b->plan);
}

enum err bundle_prepare(struct evidence *ev, const struct principal *p,
                        const struct bundle_wish *wish, struct bundle **out)
{
    if (ev->config.intake_only)
        return refuse(REFUSAL_INTAKE_ONLY);
    AUTO(bundle_free) struct bundle *b = calloc(1, sizeof(*b));
    if (!b)
        return err_set(ERR_NOMEM, "a bundle");
    b->ev = ev;
    b->principal = *p;
    b->stated = wish->stated;
    buf_init(&b->manifest, BUNDLE_TEXT_MAX);
    buf_init(&b->pending, PENDING_MAX);
    TRY(plan_make(b, wish));
    *out = TAKE(b);
    return ERR_OK;
}

/* --- what the log is told ----------------------------------------------------------------- */

static void put_plan(json_t *entry, const struct bundle_plan *plan)
{
    entry_claim(entry, &plan->claim);
    entry_bundle(entry, &plan->id);
    json_put_text(entry, "purpose", purpose_name(plan->purpose));
    json_put_int(entry, "items", (json_int_t)plan->n_items);
}

static enum err opened_apply(struct commit_tx *tx, void *ctx)
{
    struct bundle *b = ctx;
    struct claim_access access;
    struct ledger_ref ref;
    uint8_t digest[SHA256_SIZE];
    TRY(authority_claim_for(commit_db(tx), &b->plan.claim, &b->principal, ACTION_CLAIM_BUNDLE,
                            b->stated, &access));
    if (access.role != b->plan.role || access.purpose != b->plan.purpose)
        return refuse(REFUSAL_TRY_AGAIN); /* how they stand to it changed just now */
    TRY(sha256_once(b->manifest.data, b->manifest.len, digest));
    AUTO(json_free) json_t *entry = entry_new("bundle.opened", &b->principal, access.role);
    put_plan(entry, &b->plan);
    json_put_int(entry, "left_out", (json_int_t)b->plan.n_left);
    json_put_int(entry, "size", (json_int_t)b->plan.size);
    entry_hex(entry, "manifest_sha256", digest);
    return entry_append(tx, entry, &ref);
}

static json_t *closed_entry(const struct bundle *b)
{
    char id[UUID_TEXT_SIZE];
    json_t *entry = entry_new("bundle.closed", &b->principal, b->plan.role);
    bool whole = b->phase == PHASE_END && !b->broken && b->pending_at == b->pending.len;
    put_plan(entry, &b->plan);
    json_put_text(entry, "transfer", whole ? "complete" : b->broken ? "stopped" : "broken off");
    json_put_int(entry, "sent", (json_int_t)b->sent);
    json_put_text_if(entry, "stopped_by", b->stopped_by);
    if (b->stopped_at) {
        uuid_format(&b->stopped_at->id, id);
        json_put_text(entry, "stopped_at", id);
    }
    return entry;
}

static enum err closed_apply(struct commit_tx *tx, void *ctx)
{
    struct ledger_ref ref;
    return entry_append(tx, ctx, &ref);
}

static void close_log(struct bundle *b)
{
    json_t *entry = closed_entry(b);
    if (evidence_commit(b->ev, closed_apply, entry, NULL) == ERR_OK)
        json_decref(entry);
    else
        scribe_note(b->ev->scribe, entry); /* tries again */
}

/* --- opening ------------------------------------------------------------------------------ */

static enum err take_share(struct bundle *b)
{
    enum err e = share_take(b->ev->bundle_shares, &b->principal, &b->ticket);
    if (e == ERR_REFUSED)
        return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                              "too many bundles of yours are being sent - wait for one to end");
    TRY(e);
    b->shared = true;
    return ERR_OK;
}

enum err bundle_open(struct bundle *b)
{
    assert(!b->opened);
    TRY(take_share(b));
    TRY(zip_new(&b->zip));
    TRY(bundle_manifest_write(&b->plan, &b->manifest));
    TRY(evidence_commit(b->ev, opened_apply, b, NULL));
    b->opened = true;
    return ERR_OK;
}

/* --- the archive -------------------------------------------------------------------------- */

static enum err put_text(struct bundle *b, const char *name, int64_t at, const struct buf *text)
{
    struct zip_entry e = {.name = name, .size = text->len, .at = at};
    TRY(zip_begin(b->zip, &e, &b->pending));
    TRY(buf_append(&b->pending, text->data, text->len));
    zip_bytes(b->zip, text->data, text->len);
    return zip_end(b->zip, &b->pending);
}

static enum err put_page(struct bundle *b)
{
    AUTO_CLEAR(buf_clear) struct buf page;
    buf_init(&page, BUNDLE_TEXT_MAX);
    TRY(bundle_page_write(&b->plan, &page));
    return put_text(b, "index.html", b->plan.made_at, &page);
}

static enum err put_receipt(struct bundle *b, const struct bundle_item *i)
{
    static const char ERASED[] =
        "The log entry of this item was erased by an order that the log "
        "has: there is no receipt any more.\n";
    AUTO_CLEAR(buf_clear) struct buf text;
    char path[BUNDLE_PATH_MAX];
    buf_init(&text, RECEIPT_MAX);
    bundle_receipt_path(i, path);
    enum err e = ledger_receipt_cosigned(b->ev->parts.ledger, i->ledger_index, &text);
    if (e == ERR_EXPIRED)
        e = buf_append_str(&text, ERASED);
    TRY(evidence_unsigned(e));
    return put_text(b, path, b->plan.made_at, &text);
}

static enum err check(struct bundle *b, struct db *db, const struct bundle_item *i)
{
    b->stopped_at = i; /* should it be */
    TRY(bundle_item_check(db, &b->principal, b->stated, &b->plan, &i->id));
    b->stopped_at = NULL;
    return ERR_OK;
}

static enum err check_one(struct bundle *b, const struct bundle_item *i)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(b->ev->parts.db, &db));
    return check(b, db, i);
}

static enum err check_all(struct bundle *b)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(b->ev->parts.db, &db));
    for (size_t i = 0; i < b->plan.n_items; i++)
        TRY(check(b, db, &b->plan.items[i]));
    return ERR_OK;
}

static enum err item_try(struct bundle *b, const struct bundle_item *i)
{
    TRY(check_one(b, i));
    b->stopped_at = i;
    TRY(retrieve_prepare(b->ev, &b->principal, &i->id, b->stated, &b->retrieval));
    retrieve_bundled(b->retrieval, &b->plan.id);
    TRY(retrieve_open(b->retrieval));
    b->stopped_at = NULL;
    return ERR_OK;
}

/* The keeper opens so many a second, and everybody's single reads are among them: a bundle of
 * many small items waits its turn rather than break. Permission is asked each time. */
static enum err item_try_patiently(struct bundle *b, const struct bundle_item *i)
{
    enum err e = item_try(b, i);
    for (int tries = 0; e == ERR_BUSY && tries < BUSY_TRIES; tries++) {
        retrieve_free(TAKE(b->retrieval));
        (void)usleep(BUSY_WAIT_US);
        e = item_try(b, i);
    }
    return e;
}

static enum err item_open(struct bundle *b, const struct bundle_item *i)
{
    char path[BUNDLE_PATH_MAX];
    TRY(item_try_patiently(b, i));
    b->item_at = 0;
    bundle_item_path(i, path);
    struct zip_entry e = {.name = path, .size = i->size, .at = i->received_at};
    return zip_begin(b->zip, &e, &b->pending);
}

static enum err item_close(struct bundle *b)
{
    TRY(zip_end(b->zip, &b->pending));
    retrieve_free(TAKE(b->retrieval));
    b->at++;
    return ERR_OK;
}

static void phase_set(struct bundle *b, enum phase next)
{
    b->phase = next;
    b->at = 0;
}

static enum err next_item(struct bundle *b)
{
    if (b->at < b->plan.n_items)
        return item_open(b, &b->plan.items[b->at]);
    phase_set(b, PHASE_RECEIPTS);
    return ERR_OK;
}

static enum err next_receipt(struct bundle *b)
{
    if (b->at < b->plan.n_items) {
        const struct bundle_item *i = &b->plan.items[b->at++];
        return i->receipt ? put_receipt(b, i) : ERR_OK;
    }
    phase_set(b, PHASE_CHECK);
    return ERR_OK;
}

static enum err next_directory(struct bundle *b)
{
    bool done = false;
    TRY(zip_directory(b->zip, &b->pending, &done));
    if (done)
        phase_set(b, PHASE_END);
    return ERR_OK;
}

/* Something into `pending`, or an item opened, or a phase further. */
static enum err advance(struct bundle *b)
{
    switch (b->phase) {
    case PHASE_PAGE:
        TRY(put_page(b));
        phase_set(b, PHASE_MANIFEST);
        return ERR_OK;
    case PHASE_MANIFEST:
        TRY(put_text(b, "manifest.json", b->plan.made_at, &b->manifest));
        buf_clear(&b->manifest);
        phase_set(b, PHASE_ITEMS);
        return ERR_OK;
    case PHASE_ITEMS:
        return next_item(b);
    case PHASE_RECEIPTS:
        return next_receipt(b);
    case PHASE_CHECK:
        TRY(check_all(b));
        phase_set(b, PHASE_DIRECTORY);
        return ERR_OK;
    case PHASE_DIRECTORY:
        return next_directory(b);
    case PHASE_END:
        break;
    }
    return err_set(ERR_INTERNAL, "a bundle beyond its end");
}

/* --- reading ------------------------------------------------------------------------------ */

static size_t pending_take(struct bundle *b, uint8_t *out, size_t cap)
{
    size_t left = b->pending.len - b->pending_at, n = left < cap ? left : cap;
    memcpy(out, b->pending.data + b->pending_at, n);
    b->pending_at += n;
    if (b->pending_at < b->pending.len)
        return n;
    b->pending_at = 0;
    if (b->pending.cap > PENDING_KEPT)
        buf_clear(&b->pending);
    else
        buf_reset(&b->pending);
    return n;
}

static enum err item_read(struct bundle *b, uint8_t *out, size_t cap, size_t *n)
{
    const struct bundle_item *i = &b->plan.items[b->at];
    b->stopped_at = i;
    TRY(retrieve_read(b->retrieval, b->item_at, out, cap, n));
    b->stopped_at = NULL;
    if (*n == 0)
        return item_close(b);
    zip_bytes(b->zip, out, *n);
    b->item_at += *n;
    return ERR_OK;
}

static enum err fill(struct bundle *b, uint8_t *out, size_t cap, size_t *len)
{
    while (*len < cap) {
        size_t n = 0;
        if (b->pending_at < b->pending.len)
            n = pending_take(b, out + *len, cap - *len);
        else if (b->retrieval)
            TRY(item_read(b, out + *len, cap - *len, &n));
        else if (b->phase == PHASE_END)
            return ERR_OK;
        else
            TRY(advance(b));
        *len += n;
    }
    return ERR_OK;
}

/* What is told to the log of an error: never its message, which may name people's things. */
static void stop(struct bundle *b, enum err e)
{
    const char *why =
        e == ERR_REFUSED ? refusal_name((enum refusal)err_detail(e)) : err_name(e);
    size_t len = strnlen(why, sizeof(b->stopped_by) - 1);
    b->broken = true;
    memcpy(b->stopped_by, why, len);
    b->stopped_by[len] = 0;
}

enum err bundle_read(struct bundle *b, void *out, size_t cap, size_t *len)
{
    assert(b->opened);
    *len = 0;
    if (b->broken)
        return err_set(ERR_CONFLICT, "the bundle was stopped");
    enum err e = fill(b, out, cap, len);
    if (e == ERR_OK) {
        b->sent += *len;
        return ERR_OK;
    }
    struct err_info why;
    err_save(e, &why);
    stop(b, e);
    *len = 0;
    return err_restore(&why);
}

void bundle_free(struct bundle *b)
{
    if (!b)
        return;
    retrieve_free(b->retrieval);
    if (b->opened)
        close_log(b);
    if (b->shared)
        share_give(b->ev->bundle_shares, &b->ticket);
    zip_free(b->zip);
    buf_clear(&b->manifest);
    buf_clear(&b->pending);
    bundle_plan_clear(&b->plan);
    free(b);
}
