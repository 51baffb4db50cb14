/* The committer runs one job after the other, so of identical uploads that race the first is
 * stored, and the others find it. */
#include "gateway/evidence/intake/duplicate.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdlib.h>
#include <string.h>

enum { SAME_MAX = 8 }; /* artefacts of one claim with the same bytes that are looked at */

static bool stands(const struct artefact_record *a)
{
    return a->status == ARTEFACT_AVAILABLE || a->status == ARTEFACT_QUARANTINED;
}

static bool is_about_the_same(const struct artefact_record *a, const struct artefact_record *b)
{
    return strcmp(a->kind, b->kind) == 0 && uuid_equal(&a->assessment, &b->assessment) &&
           a->recording_started_at == b->recording_started_at &&
           a->recording_stopped_at == b->recording_stopped_at;
}

static enum err may_see(struct db *db, const struct principal *p,
                        const struct artefact_record *a, bool *out)
{
    struct access access = {
        .action = ACTION_ARTEFACT_READ, .status = a->status, .harmful = a->harmful};
    TRY(authority_on_artefact(db, a, p, clock_now(), &access.relations));
    *out = permission_check(p, &access, NULL, NULL) == PERMIT;
    return ERR_OK;
}

/* As seen from the claim: where else it was sent is not this answer's to tell. */
static enum err seen_from(struct db *db, const struct artefact_record *a,
                          const struct uuid *claim, struct duplicate *out)
{
    AUTO_FREE struct link_record *links = calloc(LINKS_MAX, sizeof(*links));
    size_t n = 0;
    if (!links)
        return err_set(ERR_NOMEM, "links");
    TRY(link_list(db, &a->id, links, &n));
    for (size_t i = 0; i < n; i++) {
        if (!uuid_equal(&links[i].claim, claim))
            continue;
        *out = (struct duplicate){.artefact = *a, .linked_at = links[i].created_at};
        out->artefact.claim = *claim;
        return ERR_OK;
    }
    return err_set(ERR_NOT_FOUND, "it does not stand linked to the claim");
}

enum err duplicate_find(struct db *db, const struct principal *p,
                        const struct artefact_record *sent, struct duplicate *out)
{
    AUTO_FREE struct artefact_record *same = calloc(SAME_MAX, sizeof(*same));
    size_t n = 0;
    if (!same)
        return err_set(ERR_NOMEM, "duplicates");
    TRY(artefact_list_same(db, &sent->claim, sent->sha256, same, SAME_MAX, &n));
    while (n-- > 0) { /* newest first */
        bool seen = false;
        if (stands(&same[n]) && is_about_the_same(&same[n], sent))
            TRY(may_see(db, p, &same[n], &seen));
        if (seen)
            return seen_from(db, &same[n], &sent->claim, out);
    }
    return err_set(ERR_NOT_FOUND, "no such bytes in this claim");
}

enum err duplicate_log(struct commit_tx *tx, const struct principal *p, enum role role,
                       const struct uuid *session, struct duplicate *d)
{
    AUTO(json_free) json_t *entry = entry_new("upload.duplicate", p, role);
    struct ledger_ref ref;
    entry_artefact(entry, &d->artefact);
    entry_hex(entry, "sha256", d->artefact.sha256);
    json_put_int(entry, "size", (int64_t)d->artefact.size);
    if (!uuid_is_nil(session))
        entry_upload(entry, session);
    TRY(entry_append(tx, entry, &ref));
    d->entry = ref.index;
    return ERR_OK;
}

enum err duplicate_again(struct db *db, const struct principal *p, const struct uuid *artefact,
                         const struct uuid *claim, struct duplicate *out)
{
    struct artefact_record a;
    bool seen = false;
    TRY(artefact_find(db, artefact, &a));
    TRY(may_see(db, p, &a, &seen));
    enum err e = seen ? seen_from(db, &a, claim, out) : ERR_NOT_FOUND;
    return e == ERR_NOT_FOUND ? refuse(REFUSAL_NOT_FOUND) : e;
}
