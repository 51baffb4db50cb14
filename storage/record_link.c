/* Links between artefacts and claims. Invariants: at most one stands for a pair (`removal` 0 is
 * part of the key); a removed one keeps its row and its reason; an artefact has at most
 * LINKS_MAX standing, so that link_list is never a part; `elsewhere` says that the artefact was
 * sent to another claim than the link's, which never changes. */
#include "storage/record.h"
#include "storage/sealed.h"

static enum err room_for_another(struct db *db, const struct uuid *artefact)
{
    AUTO_CLEAR(statement_end) struct statement s;
    uint64_t links;

    TRY(statement_begin(
        &s, db, "SELECT count(*) FROM artefact_links WHERE artefact = ? AND removal = 0"));
    bind_uuid(&s, artefact);
    TRY(statement_find(&s));
    links = read_u64(&s);
    TRY(statement_read(&s));
    if (links >= LINKS_MAX)
        return err_set(ERR_TOO_LARGE, "an artefact is linked to at most %d claims", LINKS_MAX);
    return ERR_OK;
}

#define COLUMN_REASON "artefact_links.reason"

static void row_of(struct sealed_row *row, const struct link_record *l)
{
    sealed_row_uuid(row, &l->claim);
    sealed_row_add_uuid(row, &l->artefact);
    sealed_row_add_number(row, (uint64_t)l->created_at);
}

/* The writer is alone, so that the count stands. Counted and inserted by one statement, the row
 * would go by way of a temporary table. */
enum err link_insert(struct db *db, const struct link_record *l)
{
    AUTO_CLEAR(statement_end) struct statement s = {.handle = NULL};
    struct sealed_row row;

    TRY(room_for_another(db, &l->artefact));
    TRY(statement_begin(
        &s, db,
        "INSERT INTO artefact_links(claim, artefact, removal, reason, sealed_reason,"
        " by_issuer, by_subject, created_at, removed_at, elsewhere)"
        " VALUES(?1, ?2, 0, '', ?3, ?4, ?5, ?6, 0, coalesce((SELECT a.claim IS NOT ?1 FROM "
        "artefacts a WHERE a.id = ?2), 0))"));
    row_of(&row, l);
    bind_uuid(&s, &l->claim);
    bind_uuid(&s, &l->artefact);
    bind_sealed(&s, COLUMN_REASON, &row, l->reason);
    bind_person(&s, &l->by);
    bind_int(&s, l->created_at);
    return statement_run(&s);
}

enum err link_remove(struct db *db, const struct uuid *artefact, const struct uuid *claim,
                     int64_t at)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "UPDATE artefact_links SET removed_at = ?1, removal ="
        " (SELECT max(removal) + 1 FROM artefact_links WHERE claim = ?2 AND artefact = ?3)"
        " WHERE claim = ?2 AND artefact = ?3 AND removal = 0"));
    bind_int(&s, at);
    bind_uuid(&s, claim);
    bind_uuid(&s, artefact);
    return record_change(&s);
}

static void read_link(struct statement *s, void *record)
{
    struct link_record *l = record;
    struct sealed_row row;

    read_uuid(s, &l->artefact);
    read_uuid(s, &l->claim);
    read_person(s, &l->by);
    l->created_at = read_int(s);
    l->removed_at = read_int(s);
    row_of(&row, l);
    read_either(s, COLUMN_REASON, &row, l->reason, sizeof(l->reason));
}

enum err link_list(struct db *db, const struct uuid *artefact,
                   struct link_record out[LINKS_MAX], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT artefact, claim, by_issuer, by_subject, created_at, removed_at, reason,"
        " sealed_reason"
        " FROM artefact_links WHERE artefact = ? AND removal = 0 ORDER BY claim"));
    bind_uuid(&s, artefact);
    return record_list(&s, read_link, out, sizeof(*out), LINKS_MAX, n);
}

enum err link_history(struct db *db, const struct uuid *artefact, struct link_record *out,
                      size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT artefact, claim, by_issuer, by_subject, created_at, removed_at, reason,"
        " sealed_reason FROM artefact_links WHERE artefact = ?1 AND removal = 0"
        " UNION ALL SELECT artefact, claim, by_issuer, by_subject, created_at, removed_at,"
        " reason, sealed_reason FROM artefact_links WHERE artefact = ?1 AND removal > 0"
        " LIMIT ?2"));
    bind_uuid(&s, artefact);
    return record_page(&s, read_link, out, sizeof(*out), max, n);
}
