/* What a person and a claim have stored, counted along with each commit. Invariants: a count is
 * never below nothing, whatever is taken off, so that a disposal never fails over a number; who
 * has nothing has no row. */
#include "storage/record.h"

static const char *const scope_names[] = {[USAGE_PERSON] = "person", [USAGE_CLAIM] = "claim"};

static const char *scope_name(enum usage_scope scope)
{
    assert((unsigned)scope < ARRAY_LEN(scope_names));
    return scope_names[scope];
}

static enum err read_usage(struct statement *s, struct usage *out)
{
    bool row;

    TRY(statement_step(s, &row));
    if (!row)
        return ERR_OK;
    out->artefacts = read_u64(s);
    out->bytes = read_u64(s);
    return statement_read(s);
}

enum err usage_find(struct db *db, enum usage_scope scope, const char *key, struct usage *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    *out = (struct usage){.artefacts = 0};
    TRY(statement_begin(&s, db,
                        "SELECT artefacts, bytes FROM usage WHERE scope = ? AND key = ?"));
    bind_text(&s, scope_name(scope));
    bind_text(&s, key);
    return read_usage(&s, out);
}

static enum err count(struct db *db, enum usage_scope scope, const char *key, int64_t artefacts,
                      int64_t bytes)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO usage VALUES(?1, ?2, max(?3, 0), max(?4, 0)) ON CONFLICT(scope, key)"
        " DO UPDATE SET artefacts = max(artefacts + ?3, 0), bytes = max(bytes + ?4, 0)"));
    bind_text(&s, scope_name(scope));
    bind_text(&s, key);
    bind_int(&s, artefacts);
    bind_int(&s, bytes);
    return statement_run(&s);
}

static enum err drop_nothing(struct db *db, enum usage_scope scope, const char *key)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "DELETE FROM usage WHERE scope = ? AND key = ?"
                        " AND artefacts = 0 AND bytes = 0"));
    bind_text(&s, scope_name(scope));
    bind_text(&s, key);
    return statement_run(&s);
}

enum err usage_add(struct db *db, enum usage_scope scope, const char *key, int64_t artefacts,
                   int64_t bytes)
{
    TRY(count(db, scope, key, artefacts, bytes));
    return artefacts > 0 || bytes > 0 ? ERR_OK : drop_nothing(db, scope, key);
}
