/* The tray of reports that belong to no claim yet. Invariant: who may not link sees none of
 * them, and what a case manager does with one is in the log. */
#include "gateway/base/clock.h"
#include "gateway/evidence/reading/artefact.h"
#include "gateway/evidence/reports/internal.h"
#include "gateway/evidence/rules/authority.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static enum err tray_fill(struct evidence *ev, struct db *db, const struct report_waiting *w,
                          struct report_on_tray *out)
{
    out->artefact = w->artefact;
    memcpy(out->form, w->report.form, sizeof(out->form));
    out->waiting_us = clock_now() - w->artefact.received_at;
    out->overdue = out->waiting_us > (int64_t)ev->config.report_overdue_s * MICROS_PER_SECOND;
    return details_read(db, &w->artefact.id, &out->patient, NULL);
}

enum err report_tray(struct evidence *ev, const struct principal *p, const struct uuid *after,
                     size_t limit, struct report_on_tray *out, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_FREE struct report_waiting *rows = calloc(limit, sizeof(*rows));
    size_t found = 0;
    *n = 0;
    if (!rows)
        return err_set(ERR_NOMEM, "the tray");
    TRY(authority_role(p, ACTION_UNLINKED_LIST, NULL));
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(report_list_waiting(db, after, rows, limit, &found));
    for (; *n < found; ++*n)
        TRY(tray_fill(ev, db, &rows[*n], &out[*n]));
    return ERR_OK;
}

/* --- linking ------------------------------------------------------------------------------ */

struct tray_act {
    const struct principal *p;
    const struct uuid *id, *claim;
    const char *reason;
    struct artefact_view *out;
};

static enum err waiting_check(struct db *db, const struct uuid *id)
{
    struct report_record r;
    enum err found = report_find(db, id, &r);
    if (found == ERR_NOT_FOUND)
        return refuse(REFUSAL_NOT_FOUND);
    TRY(found);
    return r.waiting ? ERR_OK
                     : refuse_because(REFUSAL_CONFLICT, "it is linked to a claim already");
}

static enum err link_apply(struct commit_tx *tx, void *ctx)
{
    struct tray_act *act = ctx;
    struct db *db = commit_db(tx);
    struct artefact_access access;
    struct claim_record claim;
    TRY(authority_artefact(db, act->id, act->p, ACTION_ARTEFACT_LINK, PURPOSE_NONE, &access));
    TRY(waiting_check(db, act->id));
    TRY(authority_claim(db, act->claim, act->p, ACTION_CLAIM_READ, &claim, NULL, NULL));
    struct report_attaching attaching = {.p = act->p,
                                         .role = access.role,
                                         .how = "case_manager",
                                         .reason = act->reason,
                                         .artefact = &access.artefact,
                                         .claim = act->claim};
    TRY(report_attach(tx, &attaching));
    return artefact_view_in(db, act->p, &access, act->out);
}

enum err report_link(struct evidence *ev, const struct principal *p, const struct uuid *id,
                     const struct uuid *claim, const char *reason, struct replay *once,
                     struct artefact_view *out)
{
    struct tray_act act = {.p = p, .id = id, .claim = claim, .reason = reason, .out = out};
    replay_needs(once, ACTION_ARTEFACT_LINK, NULL, id, REFUSAL_NOT_FOUND);
    replay_needs(once, ACTION_CLAIM_READ, claim, NULL, REFUSAL_CLAIM_NOT_FOUND);
    return replay_commit(ev, once, link_apply, &act);
}
