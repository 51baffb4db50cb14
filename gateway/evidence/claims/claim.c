#include "gateway/evidence/claims/claim.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/keeping/retention.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/evidence/reports/report.h"
#include "gateway/evidence/rules/authority.h"
#include "gateway/evidence/rules/party.h"
#include "storage/record_people.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- NINO --------------------------------------------------------------------------------- */

static bool nino_prefix_good(const char *p)
{
    static const char *const NEVER[] = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
    if (strchr("DFIQUV", p[0]) || strchr("DFIQUVO", p[1]))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(NEVER); i++) {
        if (p[0] == NEVER[i][0] && p[1] == NEVER[i][1])
            return false;
    }
    return true;
}

enum err nino_clean(const char *text, char out[NINO_MAX + 1])
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text == ' ')
            continue;
        if (n == NINO_MAX)
            return refuse_because(REFUSAL_INVALID_REQUEST, "not a National Insurance number");
        out[n++] = (char)toupper((unsigned char)*text);
    }
    out[n] = 0;
    bool good = n == NINO_MAX && isupper((unsigned char)out[0]) &&
                isupper((unsigned char)out[1]) && strspn(out + 2, "0123456789") == 6 &&
                out[8] >= 'A' && out[8] <= 'D' && nino_prefix_good(out);
    return good ? ERR_OK
                : refuse_because(REFUSAL_INVALID_REQUEST, "not a National Insurance number");
}

/* --- views -------------------------------------------------------------------------------- */

static bool sees_personal(const struct principal *p, uint32_t relations)
{
    struct access access = {.action = ACTION_CLAIM_PERSONAL,
                            .relations = relations,
                            .status = PERMISSION_NO_ARTEFACT};
    return permission_check(p, &access, NULL, NULL) == PERMIT;
}

static enum err view_fill(struct evidence *ev, struct db *db, const struct principal *p,
                          uint32_t relations, struct claim_view *v)
{
    TRY(waiting_fill(ev, db, &v->record, p, relations, &v->waiting));
    v->yours = (relations & REL_CLAIMANT) != 0;
    v->personal = sees_personal(p, relations);
    bool own_side = (relations & (REL_CLAIMANT | REL_APPOINTEE | REL_REPRESENTATIVE)) != 0;
    v->special = permission_sees_harmful(p, relations) ||
                 (principal_has(p, ROLE_CLAIMS_SYSTEM) && !own_side);
    TRY(claim_death_find(db, &v->record.id, &v->died_at));
    TRY(party_list(db, &v->record.id, v->parties, &v->n_parties));
    return assigned_list(db, &v->record.id, v->assigned, &v->n_assigned);
}

enum err claim_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                   struct claim_view *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    uint32_t relations = 0;
    memset(out, 0, sizeof(*out));
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_claim(db, id, p, ACTION_CLAIM_READ, &out->record, &relations, NULL));
    return view_fill(ev, db, p, relations, out);
}

/* --- registration and change -------------------------------------------------------------- */

struct claim_act {
    struct evidence *ev;
    const struct principal *p;
    const struct claim_draft *draft;
    struct uuid id;
    struct claim_view *out;
    bool *existed; /* registration */
    int64_t now;
};

static enum err people_write(struct claim_act *act, struct db *db, bool parties, bool assigned)
{
    const struct claim_draft *d = act->draft;
    if (parties) {
        AUTO_FREE struct party_record *rows = calloc(PARTIES_MAX, sizeof(*rows));
        if (!rows)
            return err_set(ERR_NOMEM, "parties");
        memcpy(rows, d->parties, d->n_parties * sizeof(*rows));
        for (size_t i = 0; i < d->n_parties; i++) {
            if (!rows[i].person.issuer[0])
                memcpy(rows[i].person.issuer, act->ev->party_issuer,
                       sizeof(rows[i].person.issuer));
            if (rows[i].from == 0) /* it begins with its registration */
                rows[i].from = act->now;
        }
        TRY(party_replace(db, &act->id, rows, d->n_parties));
    }
    if (assigned) {
        const char *subjects[ASSIGNED_MAX];
        for (size_t i = 0; i < d->n_assigned; i++)
            subjects[i] = d->assigned[i];
        TRY(assigned_replace(db, &act->id, subjects, d->n_assigned));
    }
    return ERR_OK;
}

/* `quiet`: nothing changed but what the harm rule hides, so its history hides the entry too. */
static enum err claim_log(struct claim_act *act, struct commit_tx *tx, const char *action,
                          enum role role, bool quiet)
{
    AUTO(json_free) json_t *entry = entry_new(action, act->p, role);
    entry_claim(entry, &act->id);
    json_put_bool(entry, "special_rules", act->out->record.special_rules);
    if (quiet)
        json_put_bool(entry, "harmful", true);
    json_put_text_if(entry, "stage", act->out->record.stage);
    json_put_int(entry, "parties", (json_int_t)act->out->n_parties);
    json_put_int(entry, "assigned", (json_int_t)act->out->n_assigned);
    struct ledger_ref ref;
    return entry_append(tx, entry, &ref);
}

/* Told again at the same time, it changes nothing, but the log says that it was told. */
static enum err death_write(struct claim_act *act, struct commit_tx *tx, enum role role)
{
    const struct claim_draft *d = act->draft;
    if (!d->has_death)
        return ERR_OK;
    TRY(d->died_at != 0 ? claim_death_put(commit_db(tx), &act->id, d->died_at, act->now)
                        : claim_death_remove(commit_db(tx), &act->id));
    AUTO(json_free)
    json_t *entry = entry_new(
        d->died_at != 0 ? "claim.death_recorded" : "claim.death_withdrawn", act->p, role);
    entry_claim(entry, &act->id);
    if (d->died_at != 0)
        json_put_time(entry, "effective_at", d->died_at);
    struct ledger_ref ref;
    return entry_append(tx, entry, &ref);
}

static enum err draft_check(const struct claim_act *act)
{
    const struct claim_draft *d = act->draft;
    if (d->has_death && d->died_at > act->now)
        return refuse_because(REFUSAL_INVALID_REQUEST, "died_at lies in the future");
    return parties_check(d->parties, d->n_parties, act->ev->parts.kinds, act->now);
}

static enum err may(const struct principal *p, enum action action, enum role *role)
{
    struct access access = {
        .action = action, .relations = REL_ANY, .status = PERMISSION_NO_ARTEFACT};
    return authority_refuse(permission_check(p, &access, role, NULL), REFUSAL_CLAIM_NOT_FOUND);
}

static enum err register_apply(struct commit_tx *tx, void *ctx)
{
    struct claim_act *act = ctx;
    struct db *db = commit_db(tx);
    struct claim_record *record = &act->out->record;
    enum role role;
    TRY(may(act->p, ACTION_CLAIM_CREATE, &role));
    enum err found = claim_find_reference(db, act->draft->record.external_reference, record);
    *act->existed = found == ERR_OK;
    if (found != ERR_OK && found != ERR_NOT_FOUND)
        return found;
    if (!*act->existed) {
        *record = act->draft->record;
        record->id = act->id;
        record->created_at = record->updated_at = clock_now();
        if (!record->claimant.issuer[0])
            memcpy(record->claimant.issuer, act->ev->party_issuer,
                   sizeof(record->claimant.issuer));
        TRY(claim_insert(db, record));
        TRY(people_write(act, db, true, true));
        TRY(retention_stage(act->ev, db, &record->id, record->stage));
    }
    if (!*act->existed)
        TRY(waiting_clock(act->ev, db, record, act->draft->nation));
    TRY(view_fill(act->ev, db, act->p, REL_ANY, act->out));
    if (*act->existed)
        return ERR_OK;
    TRY(claim_log(act, tx, "claim.created", role, false));
    return report_claim_registered(tx, record);
}

enum err claim_register(struct evidence *ev, const struct principal *p,
                        const struct claim_draft *draft, struct replay *once,
                        struct claim_view *out, bool *existed)
{
    struct claim_act act = {
        .ev = ev, .p = p, .draft = draft, .id = uuid_new(), .out = out, .existed = existed};
    act.now = clock_now();
    memset(out, 0, sizeof(*out));
    TRY(draft_check(&act));
    replay_needs(once, ACTION_CLAIM_CREATE, NULL, NULL, REFUSAL_CLAIM_NOT_FOUND);
    return replay_commit(ev, once, register_apply, &act);
}

static enum err change_apply(struct commit_tx *tx, void *ctx)
{
    struct claim_act *act = ctx;
    struct db *db = commit_db(tx);
    const struct claim_draft *d = act->draft;
    struct claim_record *record = &act->out->record;
    uint32_t relations = 0;
    enum role role;
    TRY(authority_claim(db, &act->id, act->p, ACTION_CLAIM_UPDATE, record, &relations, &role));
    /* A claimant must not learn of the special rules from a change that shows nothing. */
    bool quiet = !d->has_parties && !d->has_assigned && !d->has_death && !d->has_nation &&
                 (!d->has_stage || strcmp(record->stage, d->record.stage) == 0);
    if (d->has_stage)
        memcpy(record->stage, d->record.stage, sizeof(record->stage));
    if (d->has_special_rules)
        record->special_rules = d->record.special_rules;
    if (!quiet)
        record->updated_at = clock_now();
    TRY(claim_update(db, record));
    TRY(retention_stage(act->ev, db, &record->id, record->stage));
    TRY(people_write(act, db, d->has_parties, d->has_assigned));
    TRY(death_write(act, tx, role));
    TRY(waiting_clock(act->ev, db, record, d->has_nation ? d->nation : NULL));
    TRY(view_fill(act->ev, db, act->p, relations, act->out));
    return claim_log(act, tx, "claim.updated", role, quiet);
}

enum err claim_change(struct evidence *ev, const struct principal *p, const struct uuid *id,
                      const struct claim_draft *draft, struct claim_view *out)
{
    struct claim_act act = {.ev = ev, .p = p, .draft = draft, .id = *id, .out = out};
    act.now = clock_now();
    memset(out, 0, sizeof(*out));
    TRY(draft_check(&act));
    enum err e = evidence_commit(ev, change_apply, &act, NULL);
    retrieve_access_changed(ev);
    return e;
}

enum { AGEING_PAGE = 32 };

/* --- lists -------------------------------------------------------------------------------- */

/* Who may list without standing to any claim lists all; everybody else is narrowed in the query
 * itself. */
static bool lists_all(const struct principal *p)
{
    enum role role;
    return may(p, ACTION_CLAIM_LIST, &role) == ERR_OK;
}

static bool may_read(const struct principal *p, uint32_t relations)
{
    struct access access = {
        .action = ACTION_CLAIM_READ, .relations = relations, .status = PERMISSION_NO_ARTEFACT};
    return permission_check(p, &access, NULL, NULL) == PERMIT;
}

/* Adds those of a page that the caller may read by themselves: the query narrows by person, the
 * table decides by role. */
static enum err page_add(struct evidence *ev, struct db *db, const struct principal *p,
                         int64_t now, const struct claim_record *rows, size_t found,
                         size_t limit, struct claim_view *out, size_t *n)
{
    for (size_t i = 0; i < found && *n < limit; i++) {
        struct claim_view *v = &out[*n];
        uint32_t relations = 0;
        TRY(authority_for(db, &rows[i], p, ACTION_CLAIM_READ, now, &relations));
        if (!may_read(p, relations))
            continue;
        memset(v, 0, sizeof(*v));
        v->record = rows[i];
        TRY(view_fill(ev, db, p, relations, v));
        ++*n;
    }
    return ERR_OK;
}

static bool passes(const struct claim_query *q, const struct principal *p,
                   const struct claim_view *v)
{
    bool mine = false;
    for (size_t i = 0; i < v->n_assigned; i++)
        mine = mine || strcmp(v->assigned[i], p->subject) == 0;
    return v->waiting.aged && v->waiting.age.ageing && (mine || !q->assigned_to_me) &&
           (!q->stage || strcmp(q->stage, v->record.stage) == 0) &&
           (!q->external_reference ||
            strcmp(q->external_reference, v->record.external_reference) == 0);
}

enum err claim_find_ageing(struct evidence *ev, const struct principal *p,
                           const struct claim_query *q, struct claim_view *out, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_clock clocks[AGEING_PAGE];
    struct uuid after = q->after;
    int64_t since = waiting_since(ev), now = clock_now();
    size_t found = AGEING_PAGE;
    struct access nowhere = {.action = ACTION_CLAIM_AGE, .status = PERMISSION_NO_ARTEFACT};
    *n = 0;
    if (permission_check(p, &nowhere, NULL, NULL) == DENY_ROLE)
        return refuse(REFUSAL_NOT_PERMITTED);
    TRY(db_read_begin(ev->parts.db, &db));
    while (found == AGEING_PAGE && *n < q->limit) {
        enum err e = claim_clock_list(db, since, &after, clocks, AGEING_PAGE, &found);
        if (e == ERR_NOT_FOUND)
            return refuse_because(REFUSAL_INVALID_REQUEST, "cursor: not of this list");
        TRY(e);
        for (size_t i = 0; i < found && *n < q->limit; i++) {
            struct claim_record row;
            size_t before = *n;
            after = clocks[i].claim;
            TRY(claim_find(db, &after, &row));
            TRY(page_add(ev, db, p, now, &row, 1, q->limit, out, n));
            if (*n > before && !passes(q, p, &out[before]))
                *n = before;
        }
    }
    return ERR_OK;
}

struct listing {
    struct evidence *ev;
    struct db *db;
    const struct principal *p;
    struct claim_filter filter;
    struct claim_record *rows; /* PAGE_MAX of them */
    struct claim_view *out;
    size_t limit, n;
    bool work; /* the urgent ones come first */
};

/* One of a list of work is told where its urgency puts it, and only there. */
static enum err listing_add(struct listing *l, const struct claim_record *row, bool urgent)
{
    size_t before = l->n;
    TRY(page_add(l->ev, l->db, l->p, l->filter.now, row, 1, l->limit, l->out, &l->n));
    if (l->n == before)
        return ERR_OK;
    struct claim_view *v = &l->out[before];
    v->urgent = l->work && v->special && v->record.special_rules;
    if (v->urgent != urgent)
        l->n = before;
    return ERR_OK;
}

static enum err listing_pass(struct listing *l, struct uuid after, bool urgent)
{
    size_t page = l->limit < PAGE_MAX ? l->limit : PAGE_MAX, found = page;
    l->filter.urgent = urgent;
    while (found == page && l->n < l->limit) {
        TRY(claim_list(l->db, &l->filter, &after, l->rows, page, &found));
        for (size_t i = 0; i < found && l->n < l->limit; i++)
            TRY(listing_add(l, &l->rows[i], urgent));
        if (found > 0)
            after = l->rows[found - 1].id;
    }
    return ERR_OK;
}

static enum err listing_run(struct listing *l, const struct claim_query *q)
{
    const struct uuid start = {{0}};
    if (l->work && !q->behind_urgent)
        TRY(listing_pass(l, q->after, true));
    return listing_pass(l, l->work && !q->behind_urgent ? start : q->after, false);
}

enum err claim_find_all(struct evidence *ev, const struct principal *p,
                        const struct claim_query *q, struct claim_view *out, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_FREE struct claim_record *rows = calloc(PAGE_MAX, sizeof(*rows));
    *n = 0;
    if (!rows)
        return err_set(ERR_NOMEM, "claims");
    struct access nowhere = {.action = ACTION_CLAIM_LIST, .status = PERMISSION_NO_ARTEFACT};
    if (permission_check(p, &nowhere, NULL, NULL) == DENY_ROLE)
        return refuse(REFUSAL_NOT_PERMITTED);
    bool staff = principal_has(p, ROLE_ASSESSOR);
    struct person me = person_of(p);
    bool all = lists_all(p);
    struct listing l = {.ev = ev, .p = p, .rows = rows, .out = out, .limit = q->limit};
    l.filter = (struct claim_filter){
        .external_reference = q->external_reference,
        .stage = q->stage,
        .party = all || staff ? NULL : &me,
        .assigned_to = q->assigned_to_me || (staff && !all) ? p->subject : NULL,
        .now = clock_now(),
    };
    l.work = l.filter.assigned_to != NULL;
    TRY(db_read_begin(ev->parts.db, &db));
    l.db = db;
    enum err e = listing_run(&l, q);
    *n = l.n;
    return e;
}
