/* The headers that open artefacts. Destroying a header destroys its artefact, so its bytes must
 * stand in one place only.
 *
 * secure_delete zeroes what is deleted, but not what SQLite leaves behind when it moves rows
 * between pages to balance a tree: a later deletion does not reach those copies. So the bytes
 * live in a table whose rows never move:
 * - rows are only appended at its right edge, where a full page is followed by a new one and
 *   nothing is shifted;
 * - a row is only overwritten by a value of the same length, which SQLite does in place;
 * - no row is ever deleted: a destroyed one is zeros for ever.
 * What is left is the write-ahead log, which db_checkpoint empties. A test destroys at random
 * and searches the files.
 */
#include "storage/record.h"

struct slot {
    int64_t number;
    size_t size;
};

static void read_slot(struct statement *s, void *record)
{
    struct slot *slot = record;

    slot->number = read_int(s);
    slot->size = (size_t)read_u64(s);
}

static enum err find_slot(struct db *db, const struct uuid *artefact, struct slot *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT x.slot, length(x.header) FROM headers h CROSS JOIN "
                        "header_slots x ON x.slot = h.slot"
                        " WHERE h.artefact = ?"));
    bind_uuid(&s, artefact);
    return record_find(&s, read_slot, out);
}

static enum err slot_append(struct db *db, const void *header, size_t len, int64_t *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO header_slots(header) VALUES(?)"));
    bind_blob(&s, header, len);
    TRY(statement_run(&s));
    *out = statement_row_number(&s);
    return ERR_OK;
}

/* In place: the length must be the slot's. */
static enum err slot_overwrite(struct db *db, int64_t slot, const void *header, size_t len)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE header_slots SET header = ?1 WHERE slot = ?2 AND length(header) = length(?1)"));
    bind_blob(&s, header, len);
    bind_int(&s, slot);
    return record_change(&s);
}

static enum err slot_destroy(struct db *db, int64_t slot)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "UPDATE header_slots SET header = zeroblob(length(header)) WHERE slot = ?"));
    bind_int(&s, slot);
    return record_change(&s);
}

static enum err point_to(struct db *db, const struct uuid *artefact, const char *key_id,
                         int64_t slot)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO headers VALUES(?, ?, ?)"
        " ON CONFLICT(artefact) DO UPDATE SET key_id = excluded.key_id, slot = excluded.slot"));
    bind_uuid(&s, artefact);
    bind_text(&s, key_id);
    bind_int(&s, slot);
    return statement_run(&s);
}

enum err header_put(struct db *db, const struct uuid *artefact, const char *key_id,
                    const void *header, size_t len)
{
    struct slot old, now = {.size = len};
    enum err e = find_slot(db, artefact, &old);

    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    if (e == ERR_OK && old.size == len) {
        now.number = old.number; /* re-wrapped for another key, as a rule */
        TRY(slot_overwrite(db, now.number, header, len));
    } else {
        if (e == ERR_OK)
            TRY(slot_destroy(db, old.number));
        TRY(slot_append(db, header, len, &now.number));
    }
    return point_to(db, artefact, key_id, now.number);
}

enum err header_get(struct db *db, const struct uuid *artefact, struct buf *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT x.header FROM headers h CROSS JOIN header_slots x ON x.slot = "
                        "h.slot WHERE h.artefact = ?"));
    bind_uuid(&s, artefact);
    TRY(statement_find(&s));
    read_append(&s, out);
    return statement_read(&s);
}

static void read_id(struct statement *s, void *record)
{
    read_uuid(s, record);
}

enum err header_list_key(struct db *db, const char *key_id, const struct uuid *after,
                         struct uuid *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT artefact FROM headers WHERE key_id = ? AND artefact > ? ORDER "
                        "BY artefact LIMIT ?"));
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

static enum err forget(struct db *db, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "DELETE FROM headers WHERE artefact = ?"));
    bind_uuid(&s, artefact);
    return record_change(&s);
}

enum err header_remove(struct db *db, const struct uuid *artefact)
{
    struct slot slot;

    TRY(find_slot(db, artefact, &slot));
    TRY(slot_destroy(db, slot.number));
    return forget(db, artefact);
}
