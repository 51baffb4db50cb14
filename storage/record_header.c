/* The headers that open artefacts. Invariant: there is one or none for an artefact; its row is the only place in the
 * database with key material, and removing it zeroes it (secure_delete; db_checkpoint clears the log). */
#include "storage/record.h"

enum err header_put(struct db *db, const struct uuid *artefact, const char *key_id, const void *header, size_t len)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO headers VALUES(?, ?, ?)"
                        " ON CONFLICT(artefact) DO UPDATE SET key_id = excluded.key_id, header = excluded.header"));
    bind_uuid(&s, artefact);
    bind_text(&s, key_id);
    bind_blob(&s, header, len);
    return statement_run(&s);
}

enum err header_get(struct db *db, const struct uuid *artefact, struct buf *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT header FROM headers WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    TRY(statement_find(&s));
    read_append(&s, out);
    return statement_read(&s);
}

static void read_id(struct statement *s, void *record)
{
    read_uuid(s, record);
}

enum err header_list_key(struct db *db, const char *key_id, const struct uuid *after, struct uuid *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact FROM headers WHERE key_id = ? AND artefact > ? ORDER BY artefact LIMIT ?"));
    bind_text(&s, key_id);
    bind_uuid(&s, after);
    return record_page(&s, read_id, out, sizeof(*out), max, n);
}

enum err header_count_key(struct db *db, const char *key_id, uint64_t *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT count(*) FROM headers WHERE key_id = ?"));
    bind_text(&s, key_id);
    TRY(statement_find(&s));
    *out = read_u64(&s);
    return statement_read(&s);
}

enum err header_remove(struct db *db, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM headers WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_change(&s);
}
