#include "gateway/evidence/denial.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/entry.h"
#include "gateway/evidence/flood.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/scribe.h"

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
