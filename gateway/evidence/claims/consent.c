#include "gateway/evidence/claims/consent.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct consent_act {
    const struct principal *p;
    struct consent_record *consent;
    bool *repeated;
};

static enum err decision_check(const struct consent_record *c)
{
    static const char *const DECISIONS[] = {"given", "withdrawn", "granted", "refused"};
    for (size_t i = 0; i < ARRAY_LEN(DECISIONS); i++) {
        if (strcmp(c->decision, DECISIONS[i]) == 0)
            return ERR_OK;
    }
    return refuse_because(REFUSAL_INVALID_REQUEST,
                          "decision must be given, withdrawn, granted or refused");
}

static enum err consent_repeated(struct consent_act *act, struct db *db)
{
    struct consent_record known;
    enum err found = consent_find(db, &act->consent->claim, act->consent->event_id, &known);
    *act->repeated = false;
    if (found == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(found);
    if (strcmp(known.purpose, act->consent->purpose) != 0 ||
        strcmp(known.decision, act->consent->decision) != 0 ||
        strcmp(known.statement_version, act->consent->statement_version) != 0 ||
        known.effective_at != act->consent->effective_at || !person_is(&known.by, act->p))
        return refuse_because(REFUSAL_CONFLICT,
                              "this event_id is on record with other content");
    *act->repeated = true;
    *act->consent = known;
    return ERR_OK;
}

static bool is_given(const char *decision)
{
    return strcmp(decision, "given") == 0 || strcmp(decision, "granted") == 0;
}

/* The last one recorded for the purpose counts. */
static bool takes_back(const struct consent_record *c, const struct consent_record *all,
                       size_t n)
{
    if (is_given(c->decision))
        return false;
    while (n > 0 && strcmp(all[n - 1].purpose, c->purpose) != 0)
        n--;
    return n > 0 && is_given(all[n - 1].decision);
}

static enum err room_for(struct db *db, const struct consent_record *c)
{
    AUTO_FREE struct consent_record *all = calloc(CONSENTS_MAX, sizeof(*all));
    size_t n = 0;
    if (!all)
        return err_set(ERR_NOMEM, "consents");
    TRY(consent_list(db, &c->claim, all, CONSENTS_MAX, &n));
    if (n < CONSENT_CHANGES_MAX || (n < CONSENTS_MAX && takes_back(c, all, n)))
        return ERR_OK;
    return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                          "too many decisions; only a withdrawal is taken now");
}

static enum err consent_apply(struct commit_tx *tx, void *ctx)
{
    struct consent_act *act = ctx;
    struct consent_record *c = act->consent;
    struct db *db = commit_db(tx);
    struct claim_record claim;
    enum role role;
    TRY(authority_claim(db, &c->claim, act->p, ACTION_CONSENT_GIVE, &claim, NULL, &role));
    TRY(consent_repeated(act, db));
    if (*act->repeated)
        return ERR_OK;
    TRY(room_for(db, c));
    c->recorded_at = clock_now();
    c->by = person_of(act->p);
    (void)snprintf(c->by_role, sizeof(c->by_role), "%s", role_name(role));

    AUTO(json_free) json_t *entry = entry_new("consent.recorded", act->p, role);
    entry_claim(entry, &c->claim);
    json_put_text(entry, "event_id", c->event_id);
    json_put_text(entry, "purpose", c->purpose);
    json_put_text(entry, "decision", c->decision);
    json_put_text(entry, "statement_version", c->statement_version);
    json_put_time(entry, "effective_at", c->effective_at);
    struct ledger_ref ref;
    TRY(entry_append(tx, entry, &ref));
    c->ledger_index = ref.index;
    return consent_insert(db, c);
}

enum err consent_record_decision(struct evidence *ev, const struct principal *p,
                                 struct consent_record *consent, struct replay *once,
                                 struct consent_result *out)
{
    TRY(decision_check(consent));
    struct consent_act act = {.p = p, .consent = consent, .repeated = &out->repeated};
    replay_needs(once, ACTION_CONSENT_GIVE, &consent->claim, NULL, REFUSAL_CLAIM_NOT_FOUND);
    TRY(replay_commit(ev, once, consent_apply, &act));
    return evidence_receipt(ev, consent->ledger_index, &out->receipt);
}

enum err consent_get_all(struct evidence *ev, const struct principal *p,
                         const struct uuid *claim, struct consent_record *out, size_t max,
                         size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record record;
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(authority_claim(db, claim, p, ACTION_CONSENT_READ, &record, NULL, NULL));
    return consent_list(db, claim, out, max, n);
}
