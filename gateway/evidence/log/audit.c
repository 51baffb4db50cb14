#include "gateway/evidence/log/audit.h"

#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdlib.h>

struct read_act {
    const struct principal *p;
    const struct audit_question *q;
    const struct ledger_entry *shown;
    size_t n;
};

static void entry_asked(json_t *entry, const struct audit_question *q)
{
    const struct ledger_filter *f = &q->filter;
    char id[UUID_TEXT_SIZE];
    if (f->claim)
        entry_claim(entry, f->claim);
    if (f->artefact) {
        uuid_format(f->artefact, id);
        json_put_text(entry, "artefact", id);
    }
    if (f->actor)
        json_put_text(entry, "asked_actor", f->actor);
    if (f->action)
        json_put_text(entry, "asked_action", f->action);
    if (f->from)
        json_put_time(entry, "asked_from", f->from);
    if (f->to)
        json_put_time(entry, "asked_to", f->to);
}

static enum err read_apply(struct commit_tx *tx, void *ctx)
{
    const struct read_act *act = ctx;
    struct ledger_ref ref;
    enum role role;
    TRY(authority_role(act->p, ACTION_AUDIT_READ, &role));
    AUTO(json_free) json_t *entry = entry_new("audit.read", act->p, role);
    entry_asked(entry, act->q);
    json_put_int(entry, "count", (json_int_t)act->n);
    if (act->n > 0) {
        json_put_int(entry, "first", (json_int_t)act->shown[0].index);
        json_put_int(entry, "last", (json_int_t)act->shown[act->n - 1].index);
    }
    return ledger_append(tx, entry, &ref);
}

static enum err ask(struct evidence *ev, const struct audit_question *q,
                    struct ledger_entry *out, size_t max, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(db_read_begin(ev->parts.db, &db));
    return audit_entries(db, &q->filter, q->after, out, max, n);
}

static void entries_clear(struct ledger_entry *e, size_t from, size_t n)
{
    for (size_t i = from; i < n; i++)
        ledger_entry_clear(&e[i]);
}

/* The snapshot is given back before the entry is waited for. */
enum err audit_ask(struct evidence *ev, const struct principal *p,
                   const struct audit_question *q, struct ledger_entry *out, size_t *n,
                   bool *more)
{
    struct ledger_entry page[AUDIT_PAGE_MAX + 1];
    size_t found = 0;
    assert(q->limit > 0 && q->limit <= AUDIT_PAGE_MAX);
    *n = 0;
    TRY(authority_role(p, ACTION_AUDIT_READ, NULL));
    TRY(ask(ev, q, page, q->limit + 1, &found)); /* one more tells of others */
    size_t shown = found < q->limit ? found : q->limit;
    struct read_act act = {.p = p, .q = q, .shown = page, .n = shown};
    struct err_info outcome;
    err_save(evidence_commit(ev, read_apply, &act, NULL), &outcome);
    bool good = outcome.code == ERR_OK;
    entries_clear(page, good ? shown : 0, found);
    if (!good)
        return err_restore(&outcome);
    for (size_t i = 0; i < shown; i++)
        out[i] = page[i];
    *n = shown;
    *more = found > shown;
    return ERR_OK;
}
