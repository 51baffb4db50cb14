/* Which claim a report belongs to. Invariants: nobody decides between two: where several claims
 * have the same subject, a person does; every link is an entry of the log in the same commit.
 * The gateway links by itself, and its entry has no actor. */
#include "gateway/base/clock.h"
#include "gateway/base/log.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reports/internal.h"
#include "storage/sealed.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATCHES_MAX = 64, /* reports that one claim takes when it is registered */
    TICK_MAX = 64,    /* reports, and claims, that one commit of the tick looks at */
    TICK_PAGES = 64,  /* such commits for claims in one tick */
};

/* --- linking ------------------------------------------------------------------------------ */

static enum err attach_log(struct commit_tx *tx, const struct report_attaching *a)
{
    AUTO(json_free) json_t *entry = entry_new("report.linked", a->p, a->role);
    struct ledger_ref ref;
    entry_artefact(entry, a->artefact);
    json_put_text(entry, "linked_by", a->how);
    json_put_text_if(entry, "reason", a->reason);
    return entry_append_linked(tx, entry, a->artefact, &ref);
}

enum err report_attach(struct commit_tx *tx, const struct report_attaching *a)
{
    struct db *db = commit_db(tx);
    struct link_record link = {
        .artefact = a->artefact->id, .claim = *a->claim, .created_at = clock_now()};
    if (a->p)
        link.by = person_of(a->p);
    (void)snprintf(link.reason, sizeof(link.reason), "%s", a->reason);
    TRY(report_settle(db, &a->artefact->id, a->claim));
    TRY(link_insert(db, &link));
    a->artefact->claim = *a->claim;
    return attach_log(tx, a);
}

static enum err attach_matched(struct commit_tx *tx, struct artefact_record *artefact,
                               const struct uuid *claim)
{
    struct report_attaching a = {
        .how = "match", .reason = "", .artefact = artefact, .claim = claim};
    return report_attach(tx, &a);
}

enum err report_match(struct commit_tx *tx, struct artefact_record *artefact,
                      const char *subject, bool *linked)
{
    struct uuid claims[2];
    size_t n = 0;
    TRY(claim_subject_list(commit_db(tx), subject, claims, ARRAY_LEN(claims), &n));
    *linked = n == 1;
    return *linked ? attach_matched(tx, artefact, &claims[0]) : ERR_OK;
}

/* --- when a claim comes ------------------------------------------------------------------- */

static enum err take_waiting(struct commit_tx *tx, const struct uuid *claim,
                             const char *subject)
{
    struct db *db = commit_db(tx);
    struct uuid claims[2], reports[MATCHES_MAX];
    struct artefact_record artefact;
    size_t n = 0;
    TRY(claim_subject_list(db, subject, claims, ARRAY_LEN(claims), &n));
    if (n != 1)
        return ERR_OK;
    TRY(report_list_subject(db, subject, reports, MATCHES_MAX, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(artefact_find(db, &reports[i], &artefact));
        TRY(attach_matched(tx, &artefact, claim));
    }
    return ERR_OK;
}

static enum err claim_known(struct commit_tx *tx, const struct claim_record *claim, bool takes)
{
    char subject[SUBJECT_TEXT_MAX + 1];
    subject_text(claim->claimant_nino, claim->claimant_born, claim->claimant_name, subject);
    enum err e = claim_subject_set(commit_db(tx), &claim->id, subject);
    if (e == ERR_OK && takes && subject[0])
        e = take_waiting(tx, &claim->id, subject);
    sodium_memzero(subject, sizeof(subject));
    return e;
}

enum err report_claim_registered(struct commit_tx *tx, const struct claim_record *claim)
{
    return claim_known(tx, claim, true);
}

enum err report_linked(struct db *db, const struct uuid *artefact, const struct uuid *claim)
{
    struct report_record r;
    enum err found = report_find(db, artefact, &r);
    if (found == ERR_NOT_FOUND || (found == ERR_OK && !r.waiting))
        return ERR_OK;
    TRY(found);
    return report_settle(db, artefact, claim);
}

/* --- what others could not match ---------------------------------------------------------- */

struct catching_up {
    struct uuid ids[TICK_MAX];
    size_t n;
};

static enum err report_again(struct commit_tx *tx, const struct uuid *id)
{
    struct db *db = commit_db(tx);
    struct report_patient patient;
    struct artefact_record artefact;
    char subject[SUBJECT_TEXT_MAX + 1];
    bool linked = false;
    TRY(details_read(db, id, &patient, NULL));
    subject_text(patient.nino, patient.born, patient.name, subject);
    enum err e = report_subject_set(db, id, subject);
    if (e == ERR_OK)
        e = artefact_find(db, id, &artefact);
    if (e == ERR_OK)
        e = report_match(tx, &artefact, subject, &linked);
    sodium_memzero(subject, sizeof(subject));
    sodium_memzero(&patient, sizeof(patient));
    return e;
}

static enum err reports_apply(struct commit_tx *tx, void *ctx)
{
    struct catching_up *c = ctx;
    for (size_t i = 0; i < c->n; i++)
        TRY(report_again(tx, &c->ids[i]));
    return ERR_OK;
}

/* None takes a report before all are known: another may have the same subject. */
static enum err claims_apply(struct commit_tx *tx, void *ctx)
{
    struct catching_up *c = ctx;
    struct claim_record claim;
    for (size_t i = 0; i < c->n; i++) {
        TRY(claim_find(commit_db(tx), &c->ids[i], &claim));
        TRY(claim_known(tx, &claim, false));
    }
    return ERR_OK;
}

static enum err all_known_apply(struct commit_tx *tx, void *ctx)
{
    (void)ctx;
    return report_unmatch_waiting(commit_db(tx));
}

static enum err due_reports(struct evidence *ev, struct catching_up *c)
{
    AUTO(db_read_end) struct db *db = NULL;
    c->n = 0;
    TRY(db_read_begin(ev->parts.db, &db));
    return db_can_open(db) ? report_list_unmatched(db, c->ids, TICK_MAX, &c->n) : ERR_OK;
}

static enum err due_claims(struct evidence *ev, struct catching_up *c, bool *can)
{
    AUTO(db_read_end) struct db *db = NULL;
    c->n = 0;
    TRY(db_read_begin(ev->parts.db, &db));
    *can = db_can_open(db);
    return *can ? claim_subject_missing(db, &ev->claims_after, c->ids, TICK_MAX, &c->n)
                : ERR_OK;
}

/* Once in a process: those that are registered now have their subject at once. */
static enum err claims_catch_up(struct evidence *ev, struct catching_up *c)
{
    bool can = true;
    for (size_t page = 0; page < TICK_PAGES && !ev->claims_caught_up; page++) {
        TRY(due_claims(ev, c, &can));
        if (!can)
            return ERR_OK;
        if (c->n > 0) {
            TRY(evidence_keep(ev, claims_apply, c));
            ev->claims_after = c->ids[c->n - 1];
            continue;
        }
        if (!uuid_is_nil(&ev->claims_after))
            TRY(evidence_keep(ev, all_known_apply, NULL));
        ev->claims_caught_up = true;
    }
    return ERR_OK;
}

static enum err catch_up(struct evidence *ev, struct catching_up *c)
{
    TRY(claims_catch_up(ev, c));
    if (!ev->claims_caught_up)
        return ERR_OK;
    TRY(due_reports(ev, c));
    return c->n > 0 ? evidence_commit(ev, reports_apply, c, NULL) : ERR_OK;
}

void report_tick(struct evidence *ev)
{
    struct catching_up c;
    enum err e = catch_up(ev, &c);
    if (e != ERR_OK)
        log_event(LOG_WARN, "report.match_failed", log_err(e));
}
