/* A link's row says who made it, when and why, and when it ended; who ended it and why stands
 * in the log alone. The log has one entry for each claim concerned: the one about the claim
 * that was taken away is the one that counts. Of a link that was made and taken away several
 * times, rows and entries are in the same order. */
#include "gateway/evidence/reading/provenance.h"

#include "gateway/base/json.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_PAGE = 64 };

static bool may_read(struct db *db, const struct principal *p, const struct uuid *claim)
{
    struct claim_record record;
    return authority_claim(db, claim, p, ACTION_CLAIM_READ, &record, NULL, NULL) == ERR_OK;
}

/* --- links -------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
    const struct link_record *one = a, *other = b;
    if (one->created_at != other->created_at)
        return one->created_at < other->created_at ? -1 : 1;
    return (one->removed_at > other->removed_at) - (one->removed_at < other->removed_at);
}

static enum err links_fill(struct db *db, const struct principal *p, const struct uuid *id,
                           struct provenance *out)
{
    AUTO_FREE struct link_record *rows = calloc(PROVENANCE_LINKS_MAX + 1, sizeof(*rows));
    size_t n = 0;
    if (!rows)
        return err_set(ERR_NOMEM, "provenance");
    TRY(link_history(db, id, rows, PROVENANCE_LINKS_MAX + 1, &n));
    out->more = n > PROVENANCE_LINKS_MAX;
    qsort(rows, n, sizeof(*rows), by_time);
    for (size_t i = 0; i < n && i < PROVENANCE_LINKS_MAX; i++) {
        if (!may_read(db, p, &rows[i].claim))
            continue;
        struct provenance_link *l = &out->links[out->n_links++];
        l->link = rows[i];
        (void)snprintf(l->made_by, sizeof(l->made_by), "%s#%s", rows[i].by.issuer,
                       rows[i].by.subject);
    }
    return ERR_OK;
}

static void text_copy(char *out, size_t cap, const json_t *details, const char *member)
{
    const char *text = json_string_value(json_object_get(details, member));
    (void)snprintf(out, cap, "%s", text ? text : "");
}

/* To the first ended link of that claim which has no entry yet. */
static void removal_note(struct provenance *out, const json_t *details)
{
    const char *claim = json_string_value(json_object_get(details, "claim"));
    const char *linked = json_string_value(json_object_get(details, "linked_claim"));
    struct uuid id;
    if (!claim || !linked || strcmp(claim, linked) != 0 || uuid_parse(claim, &id) != ERR_OK)
        return;
    for (size_t i = 0; i < out->n_links; i++) {
        struct provenance_link *l = &out->links[i];
        if (l->link.removed_at == 0 || l->removed_by[0] || !uuid_equal(&l->link.claim, &id))
            continue;
        text_copy(l->removed_by, sizeof(l->removed_by), details, "actor");
        text_copy(l->removed_reason, sizeof(l->removed_reason), details, "reason");
        return;
    }
}

static enum err removals_fill(struct db *db, const struct uuid *id, struct provenance *out)
{
    AUTO_FREE struct ledger_entry *page = calloc(ENTRIES_PAGE, sizeof(*page));
    struct ledger_filter filter = {.artefact = id, .action = "link.removed"};
    uint64_t after = UINT64_MAX;
    if (!page)
        return err_set(ERR_NOMEM, "provenance");
    for (size_t n = ENTRIES_PAGE; n == ENTRIES_PAGE;) {
        TRY(ledger_query(db, &filter, after, page, ENTRIES_PAGE, &n));
        for (size_t i = 0; i < n; i++) {
            AUTO(json_free) json_t *details = NULL;
            const char *text = page[i].details;
            if (text && json_parse(text, strlen(text), &details) == ERR_OK)
                removal_note(out, details);
            after = page[i].index;
            ledger_entry_clear(&page[i]);
        }
    }
    return ERR_OK;
}

/* --- the same bytes ----------------------------------------------------------------------- */

static enum err same_add(struct db *db, const struct principal *p,
                         const struct artefact_record *a, struct provenance *out)
{
    AUTO_FREE struct link_record *links = calloc(LINKS_MAX, sizeof(*links));
    size_t n = 0;
    if (!links)
        return err_set(ERR_NOMEM, "links");
    TRY(link_list(db, &a->id, links, &n));
    for (size_t i = 0; i < n; i++) {
        if (!may_read(db, p, &links[i].claim))
            continue;
        if (out->n_same == PROVENANCE_SAME_MAX) {
            out->more = true;
            return ERR_OK;
        }
        struct provenance_same *s = &out->same[out->n_same++];
        *s = (struct provenance_same){.artefact = a->id,
                                      .claim = links[i].claim,
                                      .status = a->status,
                                      .received_at = a->received_at};
        memcpy(s->kind, a->kind, sizeof(s->kind));
    }
    return ERR_OK;
}

static enum err same_fill(struct db *db, const struct principal *p,
                          const struct artefact_record *of, struct provenance *out)
{
    AUTO_FREE struct artefact_record *rows = calloc(PROVENANCE_SAME_MAX, sizeof(*rows));
    size_t n = 0;
    if (!rows)
        return err_set(ERR_NOMEM, "provenance");
    TRY(artefact_list_bytes(db, of->sha256, rows, PROVENANCE_SAME_MAX, &n));
    out->more = out->more || n == PROVENANCE_SAME_MAX;
    for (size_t i = 0; i < n; i++) {
        struct artefact_access access;
        if (uuid_equal(&rows[i].id, &of->id))
            continue;
        if (authority_artefact(db, &rows[i].id, p, ACTION_ARTEFACT_PROVENANCE, PURPOSE_NONE,
                               &access) == ERR_OK)
            TRY(same_add(db, p, &rows[i], out));
    }
    return ERR_OK;
}

enum err provenance_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                        struct provenance *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_access access;
    memset(out, 0, sizeof(*out));
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_artefact(db, id, p, ACTION_ARTEFACT_PROVENANCE, PURPOSE_NONE, &access));
    TRY(links_fill(db, p, id, out));
    TRY(removals_fill(db, id, out));
    return same_fill(db, p, &access.artefact, out);
}
