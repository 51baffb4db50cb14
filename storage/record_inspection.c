/* What was found of artefacts when they were inspected, and which are still to be.
 *
 * Invariants: a look at an artefact is never overwritten, the newest counts. What is sealed for
 * one that is due lies in overflow pages behind its padding, as record_upload.c explains, so
 * that nothing of it is left when the row is gone; the row that changes with each attempt is
 * another.
 */
#include "storage/record.h"
#include "storage/sealed.h"

enum { PADDING = 4096 /* no less than a page of the database: PRAGMA page_size */ };

#define COLUMNS                                                                                \
    "artefact, attempt, at, outcome, reason, virus, engine, signatures, signatures_at, type,"  \
    " flags, pages, width, height, members, duration_ms, channels, sample_rate"

/* --- what was found ----------------------------------------------------------------------- */

static uint32_t read_u32(struct statement *s)
{
    uint64_t value = read_u64(s);

    if (value > UINT32_MAX && s->failed == ERR_OK)
        s->failed = err_set(ERR_CORRUPT, "an inspection has a figure out of bounds");
    return (uint32_t)value;
}

static void read_inspection(struct statement *s, void *record)
{
    struct inspection_record *r = record;

    read_uuid(s, &r->artefact);
    r->attempt = read_u32(s);
    r->at = read_int(s);
    read_text(s, r->outcome, sizeof(r->outcome));
    read_text(s, r->reason, sizeof(r->reason));
    read_text(s, r->virus, sizeof(r->virus));
    read_text(s, r->engine, sizeof(r->engine));
    read_text(s, r->signatures, sizeof(r->signatures));
    r->signatures_at = read_int(s);
    read_text(s, r->type, sizeof(r->type));
    r->flags = read_u32(s);
    r->pages = read_u32(s);
    r->width = read_u32(s);
    r->height = read_u32(s);
    r->members = read_u32(s);
    r->duration_ms = read_int(s);
    r->channels = read_u32(s);
    r->sample_rate = read_u32(s);
}

static enum err next_attempt(struct db *db, const struct uuid *artefact, unsigned *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT coalesce(max(attempt), 0) + 1 FROM inspections WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    TRY(statement_find(&s));
    *out = read_u32(&s);
    return statement_read(&s);
}

enum err inspection_insert(struct db *db, struct inspection_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(next_attempt(db, &r->artefact, &r->attempt));
    TRY(statement_begin(&s, db,
                        "INSERT INTO inspections(" COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?,"
                        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &r->artefact);
    bind_int(&s, r->attempt);
    bind_int(&s, r->at);
    bind_text(&s, r->outcome);
    bind_text(&s, r->reason);
    bind_text(&s, r->virus);
    bind_text(&s, r->engine);
    bind_text(&s, r->signatures);
    bind_int(&s, r->signatures_at);
    bind_text(&s, r->type);
    bind_int(&s, r->flags);
    bind_int(&s, r->pages);
    bind_int(&s, r->width);
    bind_int(&s, r->height);
    bind_int(&s, r->members);
    bind_int(&s, r->duration_ms);
    bind_int(&s, r->channels);
    bind_int(&s, r->sample_rate);
    return statement_run(&s);
}

enum err inspection_find(struct db *db, const struct uuid *artefact,
                         struct inspection_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS
                        " FROM inspections WHERE artefact = ? ORDER BY attempt DESC LIMIT 1"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_inspection, out);
}

/* --- the outline of the sound ------------------------------------------------------------- */

enum err waveform_put(struct db *db, const struct uuid *artefact, const uint16_t *peaks,
                      size_t n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    uint8_t bytes[INSPECTION_PEAKS_MAX * 2];

    if (n > INSPECTION_PEAKS_MAX)
        return err_set(ERR_TOO_LARGE, "a waveform has at most %d points", INSPECTION_PEAKS_MAX);
    for (size_t i = 0; i < n; i++) {
        bytes[2 * i] = (uint8_t)(peaks[i] & 0xff);
        bytes[2 * i + 1] = (uint8_t)(peaks[i] >> 8);
    }
    TRY(statement_begin(&s, db, "INSERT OR REPLACE INTO waveforms VALUES(?, ?)"));
    bind_uuid(&s, artefact);
    bind_blob(&s, bytes, n * 2);
    return statement_run(&s);
}

enum err waveform_find(struct db *db, const struct uuid *artefact,
                       uint16_t out[INSPECTION_PEAKS_MAX], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    AUTO_CLEAR(buf_clear) struct buf bytes;

    buf_init(&bytes, INSPECTION_PEAKS_MAX * 2);
    TRY(statement_begin(&s, db, "SELECT peaks FROM waveforms WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    TRY(statement_find(&s));
    read_append(&s, &bytes);
    TRY(statement_read(&s));
    if (bytes.len % 2 != 0)
        return err_set(ERR_CORRUPT, "a waveform has half a point");
    *n = bytes.len / 2;
    for (size_t i = 0; i < *n; i++)
        out[i] = (uint16_t)(bytes.data[2 * i] | (bytes.data[2 * i + 1] << 8));
    return ERR_OK;
}

/* --- those that are due ------------------------------------------------------------------- */

static void read_due(struct statement *s, void *record)
{
    struct inspection_due *d = record;

    read_uuid(s, &d->artefact);
    d->attempts = read_u32(s);
    d->since = read_int(s);
    d->next_at = read_int(s);
}

static enum err insert_due(struct db *db, const struct inspection_due *d)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO inspections_due VALUES(?, ?, ?, ?)"));
    bind_uuid(&s, &d->artefact);
    bind_int(&s, d->attempts);
    bind_int(&s, d->since);
    bind_int(&s, d->next_at);
    return statement_run(&s);
}

enum err inspection_due_insert(struct db *db, const struct inspection_due *d,
                               const void *sealed, size_t len)
{
    AUTO_CLEAR(statement_end) struct statement s;

    if (len > INSPECTION_KEY_MAX)
        return err_set(ERR_TOO_LARGE, "what is sealed for an inspection is too large");
    TRY(insert_due(db, d));
    TRY(statement_begin(&s, db, "INSERT INTO inspection_keys VALUES(?, zeroblob(?), ?)"));
    bind_uuid(&s, &d->artefact);
    bind_int(&s, PADDING);
    bind_blob(&s, sealed, len);
    return statement_run(&s);
}

enum err inspection_due_list(struct db *db, int64_t now, struct inspection_due *out, size_t max,
                             size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact, attempts, since, next_at FROM inspections_due"
                        " WHERE next_at <= ? ORDER BY next_at LIMIT ?"));
    bind_int(&s, now);
    return record_page(&s, read_due, out, sizeof(*out), max, n);
}

enum err inspection_due_sealed(struct db *db, const struct uuid *artefact, struct buf *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT sealed FROM inspection_keys WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    TRY(statement_find(&s));
    read_append(&s, out);
    return statement_read(&s);
}

enum err inspection_due_later(struct db *db, const struct inspection_due *d)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "UPDATE inspections_due SET attempts = ?, next_at = ? WHERE artefact = ?"));
    bind_int(&s, d->attempts);
    bind_int(&s, d->next_at);
    bind_uuid(&s, &d->artefact);
    return record_change(&s);
}

/* Its key goes with it. */
enum err inspection_due_remove(struct db *db, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM inspections_due WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_change(&s);
}

enum err inspection_due_count(struct db *db, uint64_t *n, int64_t *oldest)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT count(*), min(since) FROM inspections_due"));
    TRY(statement_find(&s));
    *n = read_u64(&s);
    *oldest = read_int(&s);
    return statement_read(&s);
}

/* --- releases of the safe view ------------------------------------------------------------ */

#define COLUMN_RELEASED "view_releases.reason"

static void read_release(struct statement *s, void *record)
{
    struct view_release *r = record;
    struct sealed_row row;

    read_uuid(s, &r->artefact);
    sealed_row_uuid(&row, &r->artefact);
    r->at = read_int(s);
    read_person(s, &r->by);
    read_either(s, COLUMN_RELEASED, &row, r->reason, sizeof(r->reason));
}

enum err view_release_insert(struct db *db, const struct view_release *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    struct sealed_row row;

    TRY(statement_begin(&s, db,
                        "INSERT INTO view_releases(artefact, at, by_issuer, by_subject, reason,"
                        " sealed_reason) VALUES(?, ?, ?, ?, '', ?)"));
    sealed_row_uuid(&row, &r->artefact);
    bind_uuid(&s, &r->artefact);
    bind_int(&s, r->at);
    bind_person(&s, &r->by);
    bind_sealed(&s, COLUMN_RELEASED, &row, r->reason);
    return statement_run(&s);
}

enum err view_release_find(struct db *db, const struct uuid *artefact, struct view_release *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact, at, by_issuer, by_subject, reason, sealed_reason"
                        " FROM view_releases"
                        " WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_release, out);
}
