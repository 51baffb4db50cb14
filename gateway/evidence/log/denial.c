#include "gateway/evidence/log/denial.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/log/flood.h"
#include "gateway/evidence/log/scribe.h"

enum { FLUSH_BATCH = 64 };

enum role denial_role(const struct principal *p)
{
    enum role role = ROLE_CLAIMANT;
    while (role < ROLE_COUNT - 1 && !principal_has(p, role))
        role++;
    return role;
}

json_t *denial_entry(struct evidence *ev, const struct principal *p, const char *action,
                     const char *reason)
{
    enum role role = denial_role(p);
    if (!flood_passes(ev->flood, p, role, action, reason, clock_steady_ms()))
        return NULL;
    json_t *entry = entry_new(action, p, role);
    json_put_text(entry, "reason", reason);
    return entry;
}

json_t *denial_new(struct evidence *ev, const struct principal *p, const char *action,
                   enum refusal why)
{
    return denial_entry(ev, p, action, refusal_name(why));
}

void denial_note(struct evidence *ev, json_t *entry)
{
    if (entry)
        scribe_note(ev->scribe, entry);
}

struct commit_act {
    json_t *entry;
    struct ledger_ref ref;
};

static enum err commit_apply(struct commit_tx *tx, void *ctx)
{
    struct commit_act *act = ctx;
    return entry_append(tx, act->entry, &act->ref);
}

enum err denial_commit(struct evidence *ev, json_t *entry, uint64_t *index)
{
    struct commit_act act = {.entry = entry};
    struct err_info why;
    enum err e = evidence_commit(ev, commit_apply, &act, NULL);
    *index = act.ref.index;
    err_save(e, &why);
    if (e == ERR_OK || e == ERR_UNAVAILABLE) /* it stands, or perhaps */
        json_decref(entry);
    else
        scribe_note(ev->scribe, entry);
    return e == ERR_OK ? ERR_OK : err_restore(&why);
}

void denial_flush(struct evidence *ev, bool all)
{
    json_t *entries[FLUSH_BATCH];
    size_t n = FLUSH_BATCH;
    while (n == FLUSH_BATCH) {
        n = flood_collect(ev->flood, clock_steady_ms(), all, entries, FLUSH_BATCH);
        for (size_t i = 0; i < n; i++)
            scribe_note(ev->scribe, entries[i]);
    }
}
