/* Erasing an entry's details, and telling a lawful erasure from a row that somebody emptied.
 *
 * Invariant: every erased row has an order, a later entry that names it, committed together
 * with the erasure. An order is never erased itself: it is what makes the empty row lawful.
 */
#include "gateway/base/clock.h"
#include "storage/db_internal.h"
#include "storage/ledger_internal.h"
#include "storage/statement.h"

#include <stdlib.h>
#include <string.h>

/* --- the order ------------------------------------------------------------------------- */
static enum err action_of(struct db *db, uint64_t index, struct buf *action)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT action, details IS NULL FROM ledger_entries WHERE seq = ?"));
    bind_u64(&s, index);
    TRY(statement_find(&s));
    read_append(&s, action);
    bool erased = read_int(&s) != 0;
    TRY(statement_read(&s));
    return erased ? err_set(ERR_EXISTS, "this entry was erased already") : ERR_OK;
}

static enum err row_empty(struct db *db, uint64_t index)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE ledger_entries SET salt = NULL, details = NULL, sealed = NULL, action = NULL,"
                        " claim = NULL, artefact = NULL, actor = NULL, time = time - time % ?"
                        " WHERE seq = ?"));
    bind_int(&s, LEAF_TIME_GRAIN * MICROS_PER_SECOND);
    bind_u64(&s, index);
    return statement_run(&s);
}

enum err ledger_erase(struct commit_tx *tx, uint64_t index, json_t *order,
                      struct ledger_ref *out)
{
    AUTO_CLEAR(buf_clear) struct buf action;

    buf_init(&action, DETAILS_MAX);
    TRY(action_of(tx->db, index, &action));
    if (strcmp(buf_text(&action), LEDGER_ERASED) == 0)
        return err_set(ERR_CONFLICT, "an order to erase stays");
    json_put_text(order, "action", LEDGER_ERASED);
    json_put_int(order, "entry", (json_int_t)index);
    json_put_text(order, "erased_action", buf_text(&action));
    TRY(ledger_append(tx, order, out));
    ledger_fresh_drop(&tx->ledger->fresh, index, 1);
    return row_empty(tx->db, index);
}

/* --- the orders of a snapshot ----------------------------------------------------------- */
/* In these words: with a bound value their index would not be found. */
#define ORDERS "action = '" LEDGER_ERASED "'"

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static enum err orders_count(struct db *db, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT count(*) FROM ledger_entries WHERE " ORDERS));
    TRY(statement_find(&s));
    *n = (size_t)read_u64(&s);
    return statement_read(&s);
}

/* Orders whose details are not what they should be are found as rows of their own. */
static enum err orders_read(struct erase_orders *o, struct db *db, size_t max)
{
    AUTO_CLEAR(statement_end) struct statement s;
    bool more = false;

    TRY(statement_begin(&s, db,
                        "SELECT json_extract(details, '$.entry') FROM ledger_entries"
                        " WHERE " ORDERS " AND json_valid(details)"));
    TRY(statement_step(&s, &more));
    while (more && o->n < max) {
        o->entries[o->n++] = read_u64(&s);
        TRY(statement_step(&s, &more));
    }
    return statement_read(&s);
}

static enum err orders_load(struct erase_orders *o, struct db *db)
{
    size_t max = 0;

    TRY(orders_count(db, &max));
    o->entries = calloc(max + 1, sizeof(*o->entries));
    if (o->entries == NULL)
        return err_set(ERR_NOMEM, "the orders to erase");
    TRY(orders_read(o, db, max));
    qsort(o->entries, o->n, sizeof(*o->entries), compare);
    o->loaded = true;
    return ERR_OK;
}

enum err erase_ordered(struct erase_orders *o, struct db *db, uint64_t index, bool *out)
{
    if (!o->loaded)
        TRY(orders_load(o, db));
    *out = bsearch(&index, o->entries, o->n, sizeof(index), compare) != NULL;
    return ERR_OK;
}

void erase_orders_clear(struct erase_orders *o)
{
    free(o->entries);
    *o = (struct erase_orders){.n = 0};
}
