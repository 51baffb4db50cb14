/* Claims, the people who have to do with them, and the staff they are assigned to.
 *
 * Invariants: the claimant is the person at position 0 and never changes; the parties follow in
 * the order given. A list walks the index of its most selective condition downwards, so that
 * its page costs the same on any day.
 */
#include "storage/record.h"
#include "storage/sealed.h"

#include <string.h>

#define COLUMNS                                                                                \
    "c.id, c.external_reference, c.benefit, c.stage, c.special_rules, w.issuer, w.subject,"    \
    " c.claimant_name, c.sealed_name, c.claimant_born, c.sealed_born, c.claimant_nino,"        \
    " c.sealed_nino, c.created_at, c.updated_at"
/* The claimant beside each claim. */
#define WITH_CLAIMANT " CROSS JOIN claim_people w ON w.claim = c.id AND w.position = 0"

#define COLUMN_NAME "claims.claimant_name"
#define COLUMN_BORN "claims.claimant_born"
#define COLUMN_NINO "claims.claimant_nino"

static void read_claim(struct statement *s, void *record)
{
    struct claim_record *c = record;
    struct sealed_row row;

    read_uuid(s, &c->id);
    sealed_row_uuid(&row, &c->id);
    read_text(s, c->external_reference, sizeof(c->external_reference));
    read_text(s, c->benefit, sizeof(c->benefit));
    read_text(s, c->stage, sizeof(c->stage));
    c->special_rules = read_bool(s);
    read_person(s, &c->claimant);
    read_either(s, COLUMN_NAME, &row, c->claimant_name, sizeof(c->claimant_name));
    read_either(s, COLUMN_BORN, &row, c->claimant_born, sizeof(c->claimant_born));
    read_either(s, COLUMN_NINO, &row, c->claimant_nino, sizeof(c->claimant_nino));
    c->created_at = read_int(s);
    c->updated_at = read_int(s);
}

/* --- people ------------------------------------------------------------------------------- */
static enum err insert_party(struct db *db, const struct uuid *claim, size_t position,
                             const struct party_record *p)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO claim_people VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, claim);
    bind_u64(&s, position);
    bind_person(&s, &p->person);
    bind_text(&s, p->role);
    bind_text(&s, p->kind);
    bind_text(&s, p->scope);
    bind_int(&s, p->from);
    bind_int(&s, p->until);
    return statement_run(&s);
}

static enum err delete_of(struct db *db, const char *sql, const struct uuid *claim)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, sql));
    bind_uuid(&s, claim);
    return statement_run(&s);
}

enum err party_replace(struct db *db, const struct uuid *claim, const struct party_record *p,
                       size_t n)
{
    if (n > PARTIES_MAX)
        return err_set(ERR_TOO_LARGE, "a claim has at most %d parties", PARTIES_MAX);
    TRY(delete_of(db, "DELETE FROM claim_people WHERE claim = ? AND position > 0", claim));
    for (size_t i = 0; i < n; i++)
        TRY(insert_party(db, claim, i + 1, &p[i]));
    return ERR_OK;
}

static void read_party(struct statement *s, void *record)
{
    struct party_record *p = record;

    read_person(s, &p->person);
    read_text(s, p->role, sizeof(p->role));
    read_text(s, p->kind, sizeof(p->kind));
    read_text(s, p->scope, sizeof(p->scope));
    p->from = read_int(s);
    p->until = read_int(s);
}

enum err party_list(struct db *db, const struct uuid *claim,
                    struct party_record out[PARTIES_MAX], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "SELECT issuer, subject, role, kind, scope, valid_from, valid_until FROM claim_people"
        " WHERE claim = ? AND position > 0 ORDER BY position"));
    bind_uuid(&s, claim);
    return record_list(&s, read_party, out, sizeof(*out), PARTIES_MAX, n);
}

static enum err insert_assigned(struct db *db, const struct uuid *claim, size_t position,
                                const char *subject)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO claim_assigned VALUES(?, ?, ?)"));
    bind_uuid(&s, claim);
    bind_u64(&s, position);
    bind_text(&s, subject);
    return statement_run(&s);
}

enum err assigned_replace(struct db *db, const struct uuid *claim, const char *const *subjects,
                          size_t n)
{
    if (n > ASSIGNED_MAX)
        return err_set(ERR_TOO_LARGE, "a claim is assigned to at most %d people", ASSIGNED_MAX);
    TRY(delete_of(db, "DELETE FROM claim_assigned WHERE claim = ?", claim));
    for (size_t i = 0; i < n; i++)
        TRY(insert_assigned(db, claim, i, subjects[i]));
    return ERR_OK;
}

static void read_subject(struct statement *s, void *record)
{
    read_text(s, record, SUBJECT_MAX + 1);
}

enum err assigned_list(struct db *db, const struct uuid *claim,
                       char out[ASSIGNED_MAX][SUBJECT_MAX + 1], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "SELECT subject FROM claim_assigned WHERE claim = ? ORDER BY position"));
    bind_uuid(&s, claim);
    return record_list(&s, read_subject, out, sizeof(out[0]), ASSIGNED_MAX, n);
}

/* --- claims ------------------------------------------------------------------------------- */
static enum err insert_row(struct db *db, const struct claim_record *c)
{
    AUTO_CLEAR(statement_end) struct statement s;

    struct sealed_row row;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO claims(id, external_reference, benefit, stage, special_rules,"
        " claimant_name, claimant_born, claimant_nino, sealed_name, sealed_born, sealed_nino,"
        " created_at, updated_at)"
        " VALUES(?, ?, ?, ?, ?, '', '', '', ?, ?, ?, ?, ?)"));
    sealed_row_uuid(&row, &c->id);
    bind_uuid(&s, &c->id);
    bind_text(&s, c->external_reference);
    bind_text(&s, c->benefit);
    bind_text(&s, c->stage);
    bind_bool(&s, c->special_rules);
    bind_sealed(&s, COLUMN_NAME, &row, c->claimant_name);
    bind_sealed(&s, COLUMN_BORN, &row, c->claimant_born);
    bind_sealed(&s, COLUMN_NINO, &row, c->claimant_nino);
    bind_int(&s, c->created_at);
    bind_int(&s, c->updated_at);
    return statement_run(&s);
}

enum err claim_insert(struct db *db, const struct claim_record *c)
{
    struct party_record claimant = {.person = c->claimant, .role = "claimant"};

    TRY(insert_row(db, c));
    return insert_party(db, &c->id, 0, &claimant);
}

enum err claim_update(struct db *db, const struct claim_record *c)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "UPDATE claims SET stage = ?, special_rules = ?, updated_at = ? WHERE id = ?"));
    bind_text(&s, c->stage);
    bind_bool(&s, c->special_rules);
    bind_int(&s, c->updated_at);
    bind_uuid(&s, &c->id);
    return record_change(&s);
}

enum err claim_find(struct db *db, const struct uuid *id, struct claim_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS " FROM claims c" WITH_CLAIMANT " WHERE c.id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_claim, out);
}

enum err claim_find_reference(struct db *db, const char *external_reference,
                              struct claim_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS " FROM claims c" WITH_CLAIMANT
                        " WHERE c.external_reference = ?"));
    bind_text(&s, external_reference);
    return record_find(&s, read_claim, out);
}

/* --- the list ----------------------------------------------------------------------------- */
/* The table whose index is walked, each with the claims' ids in order. */
static void add_driver(struct sql *q, const struct claim_filter *f)
{
    sql_add(q, "SELECT " COLUMNS);
    if (f->external_reference)
        sql_add(q,
                " FROM claims c" WITH_CLAIMANT " WHERE c.external_reference = ? AND c.id < ?");
    else if (f->party)
        sql_add(q, " FROM claim_people p CROSS JOIN claims c ON c.id = p.claim" WITH_CLAIMANT
                   " WHERE p.issuer = ? AND p.subject = ? AND p.claim < ?"
                   " AND p.valid_from <= ? AND (p.valid_until = 0 OR p.valid_until > ?)");
    else if (f->assigned_to)
        sql_add(q, " FROM claim_assigned a CROSS JOIN claims c ON c.id = a.claim" WITH_CLAIMANT
                   " WHERE a.subject = ? AND a.claim < ?");
    else if (f->stage)
        sql_add(q, " FROM claims c" WITH_CLAIMANT " WHERE c.stage = ? AND c.id < ?");
    else
        sql_add(q, " FROM claims c" WITH_CLAIMANT " WHERE c.id < ?");
}

static void bind_driver(struct statement *s, const struct claim_filter *f,
                        const struct uuid *after)
{
    if (f->external_reference)
        bind_text(s, f->external_reference);
    else if (f->party)
        bind_person(s, f->party);
    else if (f->assigned_to)
        bind_text(s, f->assigned_to);
    else if (f->stage)
        bind_text(s, f->stage);
    bind_before(s, after);
    if (f->party && !f->external_reference) {
        bind_int(s, f->now);
        bind_int(s, f->now);
    }
}

/* Every condition once more for each row: a driver that is one of them costs nothing twice. */
static void add_conditions(struct sql *q, const struct claim_filter *f)
{
    if (f->stage)
        sql_add(q, " AND c.stage = ?");
    if (f->assigned_to)
        sql_add(q, " AND EXISTS (SELECT 1 FROM claim_assigned x WHERE x.subject = ? AND "
                   "x.claim = c.id)");
    if (f->urgent)
        sql_add(q, " AND c.special_rules = 1");
    if (f->party && f->external_reference)
        sql_add(q,
                " AND EXISTS (SELECT 1 FROM claim_people x WHERE x.issuer = ? AND x.subject = ?"
                " AND x.claim = c.id AND x.valid_from <= ? AND (x.valid_until = 0 OR "
                "x.valid_until > ?))");
}

static void bind_conditions(struct statement *s, const struct claim_filter *f)
{
    if (f->stage)
        bind_text(s, f->stage);
    if (f->assigned_to)
        bind_text(s, f->assigned_to);
    if (f->party && f->external_reference) {
        bind_person(s, f->party);
        bind_int(s, f->now);
        bind_int(s, f->now);
    }
}

/* In the order of the driver's index; one person with two valid roles is one row. */
static void add_order(struct sql *q, const struct claim_filter *f)
{
    if (f->party && !f->external_reference)
        sql_add(q, " GROUP BY p.claim ORDER BY p.claim DESC LIMIT ?");
    else if (f->assigned_to && !f->external_reference)
        sql_add(q, " ORDER BY a.claim DESC LIMIT ?");
    else
        sql_add(q, " ORDER BY c.id DESC LIMIT ?");
}

enum err claim_list(struct db *db, const struct claim_filter *f, const struct uuid *after,
                    struct claim_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sql q = {.len = 0};

    add_driver(&q, f);
    add_conditions(&q, f);
    add_order(&q, f);
    TRY(statement_begin(&s, db, q.text));
    bind_driver(&s, f, after);
    bind_conditions(&s, f);
    return record_page(&s, read_claim, out, sizeof(*out), max, n);
}
