/* Samples drawn by lot for an audit. Invariant: their rows are written once, in the transaction
 * of the entry that tells of them. */
#include "storage/record.h"
#include "storage/record_audit.h"

#include <string.h>

#define COLUMNS                                                                                \
    "id, drawn_at, by_issuer, by_subject, reader_issuer, reader_subject, readable_from,"       \
    " readable_until, population_from, population_to, kind, size, seed, strata,"               \
    " population_count, population_sha256, sample_count, sample_sha256, excluded,"             \
    " ledger_index"

/* --- what there is to draw from ----------------------------------------------------------- */

static void read_candidate(struct statement *s, void *record)
{
    struct audit_candidate *c = record;
    char status[SHORT_TEXT_MAX + 1];

    read_uuid(s, &c->id);
    c->received_at = read_int(s);
    read_text(s, status, sizeof(status));
    read_text(s, c->kind, sizeof(c->kind));
    read_text(s, c->uploader_role, sizeof(c->uploader_role));
    if (artefact_status_parse(status, &c->status) != ERR_OK)
        s->failed = ERR_CORRUPT;
}

enum err audit_candidates(struct db *db, int64_t from, int64_t to,
                          const struct audit_candidate *after, struct audit_candidate *out,
                          size_t max, size_t *n)
{
    static const struct audit_candidate before_all;
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT id, received_at, status, kind, uploader_role FROM artefacts"
                        " WHERE received_at >= ? AND received_at < ?"
                        " AND (received_at > ? OR id > ?)"
                        " ORDER BY received_at, id LIMIT ?"));
    bind_int(&s, after ? after->received_at : from);
    bind_int(&s, to);
    bind_int(&s, after ? after->received_at : from);
    bind_uuid(&s, after ? &after->id : &before_all.id);
    return record_page(&s, read_candidate, out, sizeof(*out), max, n);
}

/* --- writing ------------------------------------------------------------------------------ */

static enum err sample_put(struct db *db, const struct audit_sample_record *r)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO audit_samples(" COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?,"
                        " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &r->id);
    bind_int(&s, r->drawn_at);
    bind_person(&s, &r->by);
    bind_person(&s, &r->reader);
    bind_int(&s, r->readable_from);
    bind_int(&s, r->readable_until);
    bind_int(&s, r->from);
    bind_int(&s, r->to);
    bind_text(&s, r->kind);
    bind_u64(&s, r->size);
    bind_text(&s, r->seed);
    bind_text(&s, r->strata);
    bind_u64(&s, r->population_count);
    bind_blob(&s, r->population_sha256, sizeof(r->population_sha256));
    bind_u64(&s, r->sample_count);
    bind_blob(&s, r->sample_sha256, sizeof(r->sample_sha256));
    bind_text(&s, r->excluded);
    bind_u64(&s, r->ledger_index);
    return statement_run(&s);
}

static enum err population_put(struct db *db, const struct uuid *id, const void *text,
                               size_t len)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO audit_populations(sample, text) VALUES(?, ?)"));
    bind_uuid(&s, id);
    bind_blob(&s, text, len);
    return statement_run(&s);
}

static enum err item_put(struct db *db, const struct uuid *id, uint64_t position,
                         const struct audit_sample_item *item)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO audit_sample_items(sample, position, artefact, stratum)"
                        " VALUES(?, ?, ?, ?)"));
    bind_uuid(&s, id);
    bind_u64(&s, position);
    bind_uuid(&s, &item->artefact);
    bind_text(&s, item->stratum);
    return statement_run(&s);
}

enum err audit_sample_insert(struct db *db, const struct audit_sample_record *r,
                             const void *population, size_t len,
                             const struct audit_sample_item *items, size_t n)
{
    TRY(sample_put(db, r));
    TRY(population_put(db, &r->id, population, len));
    for (size_t i = 0; i < n; i++)
        TRY(item_put(db, &r->id, i + 1, &items[i]));
    return ERR_OK;
}

/* --- reading ------------------------------------------------------------------------------ */

static void read_sample(struct statement *s, void *record)
{
    struct audit_sample_record *r = record;

    read_uuid(s, &r->id);
    r->drawn_at = read_int(s);
    read_person(s, &r->by);
    read_person(s, &r->reader);
    r->readable_from = read_int(s);
    r->readable_until = read_int(s);
    r->from = read_int(s);
    r->to = read_int(s);
    read_text(s, r->kind, sizeof(r->kind));
    r->size = read_u64(s);
    read_text(s, r->seed, sizeof(r->seed));
    read_text(s, r->strata, sizeof(r->strata));
    r->population_count = read_u64(s);
    read_blob(s, r->population_sha256, sizeof(r->population_sha256));
    r->sample_count = read_u64(s);
    read_blob(s, r->sample_sha256, sizeof(r->sample_sha256));
    read_text(s, r->excluded, sizeof(r->excluded));
    r->ledger_index = read_u64(s);
}

enum err audit_sample_find(struct db *db, const struct uuid *id,
                           struct audit_sample_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " COLUMNS " FROM audit_samples WHERE id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_sample, out);
}

enum err audit_sample_list(struct db *db, const struct uuid *after,
                           struct audit_sample_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT " COLUMNS " FROM audit_samples WHERE id < ? ORDER BY id DESC LIMIT ?"));
    bind_before(&s, after);
    return record_page(&s, read_sample, out, sizeof(*out), max, n);
}

static void read_item(struct statement *s, void *record)
{
    struct audit_sample_item *item = record;

    read_uuid(s, &item->artefact);
    read_text(s, item->stratum, sizeof(item->stratum));
}

enum err audit_sample_items(struct db *db, const struct uuid *id, struct audit_sample_item *out,
                            size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact, stratum FROM audit_sample_items WHERE sample = ?"
                        " ORDER BY position LIMIT ?"));
    bind_uuid(&s, id);
    return record_page(&s, read_item, out, sizeof(*out), max, n);
}

enum err audit_sample_population(struct db *db, const struct uuid *id, struct buf *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT text FROM audit_populations WHERE sample = ?"));
    bind_uuid(&s, id);
    TRY(statement_find(&s));
    read_append(&s, out);
    return statement_read(&s);
}

enum err audit_sample_open(struct db *db, const struct uuid *artefact,
                           const struct person *reader, int64_t now, bool *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT 1 FROM audit_sample_items i JOIN audit_samples a"
                        " ON a.id = i.sample WHERE i.artefact = ? AND a.reader_issuer = ?"
                        " AND a.reader_subject = ? AND a.readable_from <= ?"
                        " AND ? < a.readable_until LIMIT 1"));
    bind_uuid(&s, artefact);
    bind_person(&s, reader);
    bind_int(&s, now);
    bind_int(&s, now);
    return statement_step(&s, out);
}
