/* An upload that this process does not remember. Which chunks were sealed under its key behind
 * those on record nobody can say for certain, so nothing is ever added under that key: what is
 * there is read back and sealed anew under a fresh key into a fresh part.
 *
 *     part   nonce | chunk 0 | ... | chunk n-1 | chunk n ... m-1 | (final chunk) | torn bytes
 *                    as many as are on record    those that came later
 *
 * Every whole chunk that opens counts, also one behind those on record; then a final chunk, if
 * the end was sealed and its commit was not to be; else the rest that is kept apart, if it fits
 * exactly behind the chunks. Costs one pass over the bytes. */
#include "gateway/evidence/resumable/internal.h"

#include "gateway/base/log.h"
#include "gateway/evidence/reading/opener.h"

#include <sodium.h>
#include <stdio.h>

/* --- reading back ------------------------------------------------------------------------- */

struct reading {
    struct blob_reader *part; /* NULL: there is none */
    struct opener *opener;
    uint64_t chunks; /* whole ones that opened */
    bool final;      /* and the final one behind them */
    bytes_fn take;
    void *ctx;
    uint64_t size;
};

static enum err give_on(struct reading *r, const void *data, size_t len)
{
    r->size += len;
    return len > 0 ? r->take(r->ctx, data, len) : ERR_OK;
}

/* *opened false: it is none, or torn, or not of this key. */
static enum err chunk_read(struct reading *r, bool final, size_t sealed_len, bool *opened)
{
    struct opener *o = r->opener;
    TRY(blob_read(r->part, age_chunk_offset(r->chunks), o->sealed, sealed_len));
    o->touched = AGE_CHUNK_SIZE;
    enum err e = age_open_chunk(o->stream, r->chunks, final, o->sealed, sealed_len, o->plain);
    *opened = e == ERR_OK;
    if (e == ERR_CORRUPT)
        return ERR_OK;
    TRY(e);
    return give_on(r, o->plain, sealed_len - AGE_TAG_SIZE);
}

static enum err chunks_read(struct reading *r)
{
    uint64_t end = blob_size(r->part);
    bool opened = true;
    while (opened && end >= age_chunk_offset(r->chunks + 1)) {
        TRY(chunk_read(r, false, AGE_SEALED_CHUNK_SIZE, &opened));
        r->chunks += opened;
    }
    uint64_t at = age_chunk_offset(r->chunks);
    bool may_be_final = end > at + AGE_TAG_SIZE && end - at <= AGE_SEALED_CHUNK_SIZE;
    return may_be_final ? chunk_read(r, true, (size_t)(end - at), &r->final) : ERR_OK;
}

static enum err part_read(struct evidence *ev, struct reading *r, const struct buf *plain_rest)
{
    uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE];
    TRY(opener_take(ev->openers, &r->opener));
    enum err e = rest_payload_key(plain_rest, payload_key);
    if (e == ERR_OK)
        e = age_open_begin(r->opener->stream, payload_key);
    sodium_memzero(payload_key, sizeof(payload_key));
    if (e == ERR_OK)
        e = chunks_read(r);
    opener_give(ev->openers, r->opener);
    return e;
}

enum err read_back(struct evidence *ev, const struct upload_record *record,
                   const struct buf *plain_rest, bytes_fn take, void *ctx, uint64_t *size)
{
    AUTO(blob_reader_free) struct blob_reader *part = NULL;
    struct reading r = {.take = take, .ctx = ctx};
    enum err e = blob_part_open(ev->parts.blobs, &record->part, &part);
    if (e != ERR_NOT_FOUND)
        TRY(e);
    r.part = part;
    if (part)
        TRY(part_read(ev, &r, plain_rest));
    if (!r.final && r.chunks == record->chunks)
        TRY(give_on(&r, plain_rest->data + REST_TAIL, plain_rest->len - REST_TAIL));
    *size = r.size;
    return ERR_OK;
}

/* --- sealing anew ------------------------------------------------------------------------- */

struct anew {
    struct evidence *ev;
    struct upload_record record; /* as it will be */
    struct sealer *sealer;
    struct blob_writer *part;
    struct buf plain; /* the new rest */
    struct upload_memory memory;
};

static void anew_clear(struct anew *a)
{
    sealer_give(a->sealer);
    if (a->part)
        blob_discard(a->part); /* nobody knows it */
    blob_writer_free(a->part);
    buf_clear(&a->plain);
    upload_memory_clear(&a->memory);
}
DEFINE_AUTO_CLEAR(struct anew, anew_clear);

static enum err anew_write(void *ctx, const void *data, size_t len)
{
    struct anew *a = ctx;
    return seal_write(a->sealer, data, len);
}

static enum err anew_begin(struct anew *a)
{
    uint8_t payload_key[AGE_PAYLOAD_KEY_SIZE];
    a->record.part = uuid_new();
    TRY(rest_new(&a->plain));
    TRY(sealer_take(a->ev->sealers, &a->sealer));
    TRY(blob_part_begin(a->ev->parts.blobs, &a->record.part, &a->part));
    TRY(rest_payload_key(&a->plain, payload_key));
    enum err e = seal_begin(a->sealer, payload_key, a->plain.data + REST_NONCE, a->part);
    sodium_memzero(payload_key, sizeof(payload_key));
    return e;
}

static enum err anew_end(struct anew *a, uint64_t size)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    struct row_rest rest = {.record = &a->record, .sealed = &sealed};
    buf_init(&sealed, UPLOAD_REST_MAX);
    if (size >= SNIFF_HEAD_MAX && !a->record.is_part) {
        TRY(seal_sniff(a->sealer, a->memory.media_type));
        a->memory.sniffed = true;
    }
    TRY(seal_rest(a->sealer, &a->memory.seal, &a->plain));
    a->record.chunks = a->memory.seal.chunks;
    a->record.offset = size;
    TRY(blob_flush(a->part));
    TRY(rest_seal(a->ev, &a->record, &a->plain, &sealed));
    TRY(row_rest_commit(a->ev, &rest));
    blob_writer_free(TAKE(a->part)); /* the record's now */
    return ERR_OK;
}

static enum err seal_anew(struct evidence *ev, struct row *row, const struct buf *plain_rest,
                          struct anew *a)
{
    uint64_t size = 0;
    TRY(anew_begin(a));
    TRY(read_back(ev, &row->record, plain_rest, anew_write, a, &size));
    if (size < row->record.offset)
        log_event(LOG_ERROR, "upload.bytes_lost",
                  log_int("recorded", (int64_t)row->record.offset),
                  log_int("found", (int64_t)size));
    return anew_end(a, size);
}

/* The intake key is not the one of then, or the row is damaged: nobody can go on. */
static enum err give_up(struct evidence *ev, struct row *row)
{
    log_event(LOG_WARN, "upload.not_resumable", log_str("why", "its rest does not open"));
    (void)snprintf(row->record.reason, sizeof(row->record.reason), "trouble");
    TRY(row_end(ev, row, UPLOAD_FAILED, "upload.broken", NULL));
    return refuse(REFUSAL_UPLOAD_GONE);
}

enum err recover(struct evidence *ev, struct held *h, struct row *row)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    AUTO_CLEAR(buf_clear) struct buf plain;
    AUTO_CLEAR(anew_clear) struct anew a = {.ev = ev, .record = row->record};
    struct uuid old = row->record.part;
    buf_init_secret(&plain, REST_MAX);
    buf_init_secret(&a.plain, REST_MAX);
    enum err e = row_sealed(ev, &row->record.id, &sealed);
    if (e == ERR_OK)
        e = rest_open(ev, &row->record, &sealed, &plain);
    if (e == ERR_CORRUPT || e == ERR_NOT_FOUND)
        return give_up(ev, row);
    TRY(e);
    TRY(upload_check_room(ev, (int64_t)row->record.offset)); /* both are there for a while */
    TRY(seal_anew(ev, row, &plain, &a));
    row->record = a.record;
    held_remember(h, &a.record, &a.memory);
    enum err removed = blob_part_remove(ev->parts.blobs, &old);
    return removed == ERR_NOT_FOUND ? ERR_OK : removed;
}
