/* What goes into a bundle is what the caller could open one by one: the table of permissions is
 * asked for each artefact, as for a single read. For the claimant the harm rule is part of the
 * query, so that neither numbers nor gaps tell of what it hides. */
#include "gateway/evidence/bundles/internal.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_PAGE = 64 };

void bundle_plan_clear(struct bundle_plan *plan)
{
    free(TAKE(plan->items));
    free(TAKE(plan->left));
    plan->n_items = plan->room = plan->n_left = plan->left_room = 0;
}

/* --- rows --------------------------------------------------------------------------------- */

static enum err row_add(void **rows, size_t *n, size_t *room, size_t size, void **out)
{
    enum { FIRST_ROOM = 32 };
    if (*n == BUNDLE_ITEMS_MAX)
        return refuse_because(REFUSAL_CONFLICT,
                              "there are more than %d items: name those that are wanted",
                              BUNDLE_ITEMS_MAX);
    if (*n == *room) {
        size_t more = *room ? *room * 2 : FIRST_ROOM;
        void *grown = reallocarray(*rows, more, size);
        if (!grown)
            return err_set(ERR_NOMEM, "a bundle's items");
        *rows = grown;
        *room = more;
    }
    *out = (char *)*rows + *n * size;
    memset(*out, 0, size);
    (*n)++;
    return ERR_OK;
}

/* A picture is a page. */
static enum err figures(struct db *db, const struct artefact_record *a, struct bundle_item *i)
{
    struct inspection_record seen;
    enum err found = inspection_find(db, &a->id, &seen);
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    i->pages = seen.pages > 0 ? seen.pages : seen.width > 0;
    i->duration_ms = seen.duration_ms;
    return ERR_OK;
}

/* A receipt names who sent what to which claim: to the claimant, of their own side only. */
static bool has_receipt(const struct bundle_plan *plan, const struct artefact_record *a)
{
    bool own_side = strcmp(a->uploader_role, role_name(ROLE_CLAIMANT)) == 0 ||
                    strcmp(a->uploader_role, role_name(ROLE_REPRESENTATIVE)) == 0;
    return !plan->for_claimant || (own_side && uuid_equal(&a->claim, &plan->claim));
}

static enum err item_add(struct db *db, struct bundle_plan *plan,
                         const struct artefact_record *a)
{
    void *row = NULL, *rows = plan->items;
    enum err e = row_add(&rows, &plan->n_items, &plan->room, sizeof(*plan->items), &row);
    plan->items = rows;
    TRY(e);
    struct bundle_item *i = row;
    i->id = a->id;
    i->assessment = a->assessment;
    i->size = a->size;
    i->ledger_index = a->ledger_index;
    i->received_at = a->received_at;
    i->audio = strncmp(a->media_type, "audio/", 6) == 0;
    i->receipt = has_receipt(plan, a);
    memcpy(i->sha256, a->sha256, sizeof(i->sha256));
    memcpy(i->kind, a->kind, sizeof(i->kind));
    memcpy(i->role, a->uploader_role, sizeof(i->role));
    memcpy(i->media_type, a->media_type, sizeof(i->media_type));
    memcpy(i->filename, a->filename, sizeof(i->filename));
    return figures(db, a, i);
}

static enum err left_add(struct bundle_plan *plan, const struct artefact_record *a)
{
    void *row = NULL, *rows = plan->left;
    enum err e = row_add(&rows, &plan->n_left, &plan->left_room, sizeof(*plan->left), &row);
    plan->left = rows;
    TRY(e);
    struct bundle_left *l = row;
    l->id = a->id;
    memcpy(l->kind, a->kind, sizeof(l->kind));
    memcpy(l->filename, a->filename, sizeof(l->filename));
    (void)snprintf(l->status, sizeof(l->status), "%s", artefact_status_name(a->status));
    if (!plan->for_claimant)
        memcpy(l->reason, a->status_reason, sizeof(l->reason));
    return ERR_OK;
}

/* --- permission --------------------------------------------------------------------------- */

static enum err on_claim(struct db *db, const struct uuid *artefact, const struct uuid *claim)
{
    AUTO_FREE struct link_record *links = calloc(LINKS_MAX, sizeof(*links));
    size_t n = 0;
    if (!links)
        return err_set(ERR_NOMEM, "links");
    TRY(link_list(db, artefact, links, &n));
    for (size_t i = 0; i < n; i++) {
        if (uuid_equal(&links[i].claim, claim))
            return ERR_OK;
    }
    return refuse(REFUSAL_NOT_FOUND);
}

static enum err artefact_check(struct db *db, const struct principal *p, enum purpose stated,
                               const struct bundle_plan *plan, const struct uuid *id,
                               struct artefact_access *out)
{
    TRY(on_claim(db, id, &plan->claim));
    enum err e = authority_artefact(db, id, p, ACTION_ARTEFACT_CONTENT, stated, out);
    if ((e == ERR_OK || e == ERR_REFUSED) && plan->for_claimant && out->artefact.harmful)
        return refuse(REFUSAL_NOT_FOUND);
    return e;
}

enum err bundle_item_check(struct db *db, const struct principal *p, enum purpose stated,
                           const struct bundle_plan *plan, const struct uuid *artefact)
{
    struct claim_access claim;
    struct artefact_access access;
    TRY(authority_claim_for(db, &plan->claim, p, ACTION_CLAIM_BUNDLE, stated, &claim));
    return artefact_check(db, p, stated, plan, artefact, &access);
}

/* --- which -------------------------------------------------------------------------------- */

/* One that is listed: it goes in, is told to be left out, or is not there. */
static enum err consider(struct db *db, const struct principal *p, enum purpose stated,
                         struct bundle_plan *plan, const struct artefact_record *a)
{
    struct artefact_access access;
    enum err e = artefact_check(db, p, stated, plan, &a->id, &access);
    if (e == ERR_OK)
        return item_add(db, plan, &access.artefact);
    if (e != ERR_REFUSED)
        return e;
    return err_detail(e) == REFUSAL_NOT_AVAILABLE ? left_add(plan, a) : ERR_OK;
}

static enum err consider_all(struct db *db, const struct principal *p, enum purpose stated,
                             const struct claim_access *access, struct bundle_plan *plan)
{
    AUTO_FREE struct artefact_record *page = calloc(PLAN_PAGE, sizeof(*page));
    struct uuid after = {{0}};
    struct artefact_filter filter = {
        .hide_harmful = plan->for_claimant || !permission_sees_harmful(p, access->relations),
        .refused_of = plan->for_claimant ? &access->claim.claimant : NULL,
    };
    if (!page)
        return err_set(ERR_NOMEM, "a bundle's items");
    for (size_t n = PLAN_PAGE; n == PLAN_PAGE;) {
        TRY(artefact_list(db, &plan->claim, &filter, &after, page, PLAN_PAGE, &n));
        for (size_t i = 0; i < n; i++)
            TRY(consider(db, p, stated, plan, &page[i]));
        if (n > 0)
            after = page[n - 1].id;
    }
    for (size_t i = 0; i < plan->n_items / 2; i++) { /* the list is newest first */
        struct bundle_item other = plan->items[i];
        plan->items[i] = plan->items[plan->n_items - 1 - i];
        plan->items[plan->n_items - 1 - i] = other;
    }
    return ERR_OK;
}

static enum err consider_named(struct db *db, const struct principal *p,
                               const struct bundle_wish *wish, struct bundle_plan *plan)
{
    for (size_t i = 0; i < wish->n_items; i++) {
        struct artefact_access access;
        for (size_t k = 0; k < i; k++) {
            if (uuid_equal(&wish->items[k], &wish->items[i]))
                return refuse_because(REFUSAL_INVALID_REQUEST, "an item is named twice");
        }
        TRY(artefact_check(db, p, wish->stated, plan, &wish->items[i], &access));
        TRY(item_add(db, plan, &access.artefact));
    }
    return ERR_OK;
}

/* Documents first, then audio, each in the order they have. */
static enum err sort_and_number(struct bundle_plan *plan)
{
    struct bundle_item *sorted = calloc(plan->n_items + 1, sizeof(*sorted));
    size_t n = 0;
    if (!sorted)
        return err_set(ERR_NOMEM, "a bundle's items");
    for (int audio = 0; audio <= 1; audio++) {
        for (size_t i = 0; i < plan->n_items; i++) {
            if (plan->items[i].audio == (audio == 1))
                sorted[n++] = plan->items[i];
        }
    }
    free(plan->items);
    plan->items = sorted;
    for (size_t i = 0; i < n; i++) {
        struct bundle_item *item = &sorted[i];
        item->number = (unsigned)i + 1;
        item->first_page = item->pages > 0 ? plan->pages + 1 : 0;
        plan->pages += item->pages;
        plan->size += item->size;
    }
    return ERR_OK;
}

enum err bundle_plan_make(struct db *db, const struct principal *p,
                          const struct bundle_wish *wish, const struct claim_access *access,
                          struct bundle_plan *plan)
{
    plan->id = uuid_new();
    plan->claim = wish->claim;
    plan->made_at = clock_now();
    plan->purpose = access->purpose;
    plan->role = access->role;
    plan->for_claimant =
        access->purpose == PURPOSE_OWN || access->purpose == PURPOSE_SUBJECT_ACCESS;
    memcpy(plan->external_reference, access->claim.external_reference,
           sizeof(plan->external_reference));
    if (wish->items)
        TRY(consider_named(db, p, wish, plan));
    else
        TRY(consider_all(db, p, wish->stated, access, plan));
    return sort_and_number(plan);
}
