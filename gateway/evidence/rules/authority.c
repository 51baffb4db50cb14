/* Relations are computed from the records of the moment, never kept: authority that ended a
 * second ago is ended. The permission table then decides; this file only finds out how the
 * caller stands. */
#include "gateway/evidence/rules/authority.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/rules/party.h"
#include "storage/record_audit.h"
#include "storage/record_people.h"

#include <string.h>

/* A party counts in the role on record: the caller's own roles are the table's to ask, and a
 * carer who is an assessor elsewhere is none here. */
static uint32_t relation_of_party(const struct party_record *party)
{
    if (strcmp(party->role, role_name(ROLE_ASSESSOR)) == 0)
        return REL_ASSIGNED;
    if (strcmp(party->role, role_name(ROLE_REPRESENTATIVE)) != 0)
        return REL_PARTY;
    bool appointee = strcmp(party->kind, "appointee") == 0;
    return REL_REPRESENTATIVE | (uint32_t)(appointee ? REL_APPOINTEE : REL_PARTY);
}

/* What is asked, and what came of it beside the relations. */
struct question {
    const struct principal *p;
    enum action action;
    int64_t now;
    bool narrowed; /* a party may act here, but not so */
};

static uint32_t relation_in_scope(struct question *q, const struct party_record *party)
{
    if (!party_represents(party) || cover_permits(scope_covers(party->scope), q->action))
        return relation_of_party(party);
    q->narrowed = true;
    return REL_BOUND;
}

/* Whoever represents a claimant who died, or grew up, does so no longer; nor does a login act
 * for its dead owner. */
static enum err relations_of_side(struct db *db, const struct claim_record *claim,
                                  struct question *q, uint32_t *found)
{
    struct party_record parties[PARTIES_MAX];
    struct claim_life life = {.began_at = claim->created_at,
                              .of_age_at = claimant_of_age_at(claim->claimant_born)};
    size_t n = 0;
    TRY(claim_death_find(db, &claim->id, &life.died_at));
    TRY(party_list(db, &claim->id, parties, &n));
    if (person_is(&claim->claimant, q->p))
        *found |= life.died_at == 0 ? REL_CLAIMANT : REL_BOUND;
    for (size_t i = 0; i < n; i++) {
        if (person_is(&parties[i].person, q->p) && party_acts(parties, n, i, &life, q->now))
            *found |= relation_in_scope(q, &parties[i]);
    }
    return ERR_OK;
}

static enum err relations_on_claim(struct db *db, const struct claim_record *claim,
                                   struct question *q, uint32_t *relations)
{
    uint32_t found = REL_ANY;
    TRY(relations_of_side(db, claim, q, &found));

    char assigned[ASSIGNED_MAX][SUBJECT_MAX + 1];
    size_t n = 0;
    TRY(assigned_list(db, &claim->id, assigned, &n));
    for (size_t i = 0; i < n; i++) {
        if (strcmp(assigned[i], q->p->subject) == 0)
            found |= REL_ASSIGNED;
    }
    *relations = found;
    return ERR_OK;
}

enum err authority_for(struct db *db, const struct claim_record *claim,
                       const struct principal *p, enum action action, int64_t now,
                       uint32_t *relations)
{
    struct question q = {.p = p, .action = action, .now = now};
    return relations_on_claim(db, claim, &q, relations);
}

enum err authority_on_claim(struct db *db, const struct claim_record *claim,
                            const struct principal *p, int64_t now, uint32_t *relations)
{
    return authority_for(db, claim, p, ACTION_ARTEFACT_READ, now, relations);
}

/* Nobody audits what they sent themselves. */
static enum err relation_of_sample(struct db *db, const struct artefact_record *a,
                                   const struct principal *p, int64_t now, uint32_t *found)
{
    bool open = false;
    if (!principal_has(p, ROLE_AUDITOR) || person_is(&a->uploader, p))
        return ERR_OK;
    struct person reader = person_of(p);
    TRY(audit_sample_open(db, &a->id, &reader, now, &open));
    if (open)
        *found |= REL_SAMPLED;
    return ERR_OK;
}

/* Who may send sees what they sent, whatever else their scope leaves out. */
static enum action asked_of(enum action action, bool uploader)
{
    bool own = action == ACTION_ARTEFACT_READ || action == ACTION_ARTEFACT_UNLOCK;
    return uploader && own ? ACTION_CLAIM_READ : action;
}

static enum err relations_on_artefact(struct db *db, const struct artefact_record *a,
                                      const struct principal *p, enum action action,
                                      int64_t now, uint32_t *relations)
{
    struct link_record links[LINKS_MAX];
    size_t n = 0;
    bool uploader = person_is(&a->uploader, p);
    uint32_t found = uploader ? REL_ANY | REL_UPLOADER : REL_ANY;
    TRY(link_list(db, &a->id, links, &n));
    for (size_t i = 0; i < n; i++) {
        struct claim_record claim;
        uint32_t here = 0;
        TRY(claim_find(db, &links[i].claim, &claim));
        TRY(authority_for(db, &claim, p, asked_of(action, uploader), now, &here));
        found |= here;
    }
    TRY(relation_of_sample(db, a, p, now, &found));
    *relations = found;
    return ERR_OK;
}

enum err authority_on_artefact(struct db *db, const struct artefact_record *a,
                               const struct principal *p, int64_t now, uint32_t *relations)
{
    return relations_on_artefact(db, a, p, ACTION_ARTEFACT_READ, now, relations);
}

bool authority_sees_own_harmful(const struct principal *p, uint32_t relations)
{
    struct access own = {.action = ACTION_ARTEFACT_READ,
                         .relations = relations | REL_UPLOADER,
                         .status = PERMISSION_NO_ARTEFACT,
                         .harmful = true};
    return permission_check(p, &own, NULL, NULL) == PERMIT;
}

enum err authority_refuse(enum permission v, enum refusal hidden)
{
    switch (v) {
    case PERMIT:
        return ERR_OK;
    case DENY_ROLE:
        return refuse(REFUSAL_NOT_PERMITTED);
    case DENY_HIDDEN:
        return refuse(hidden);
    case DENY_PURPOSE:
        return refuse(REFUSAL_PURPOSE_REQUIRED);
    case DENY_STATUS:
        return refuse(REFUSAL_NOT_AVAILABLE);
    }
    return err_set(ERR_INTERNAL, "an unknown verdict");
}

/* A role that has no such action is told so whether or not the thing exists: the answer tells
 * nothing. */
static enum err refuse_role_first(const struct principal *p, enum action action)
{
    struct access nowhere = {
        .action = action, .relations = REL_ANY, .status = PERMISSION_NO_ARTEFACT};
    if (permission_check(p, &nowhere, NULL, NULL) == DENY_ROLE)
        return refuse(REFUSAL_NOT_PERMITTED);
    return ERR_OK;
}

enum err authority_role(const struct principal *p, enum action action, enum role *role)
{
    struct access nowhere = {
        .action = action, .relations = REL_ANY, .status = PERMISSION_NO_ARTEFACT};
    return authority_refuse(permission_check(p, &nowhere, role, NULL), REFUSAL_NOT_PERMITTED);
}

enum err authority_sends_kind(struct db *db, const struct uuid *claim,
                              const struct principal *p, const char *kind)
{
    struct party_record parties[PARTIES_MAX];
    struct claim_record record;
    struct claim_life life = {.died_at = 0};
    size_t n = 0;
    TRY(claim_find(db, claim, &record));
    TRY(claim_death_find(db, claim, &life.died_at));
    TRY(party_list(db, claim, parties, &n));
    life.began_at = record.created_at;
    life.of_age_at = claimant_of_age_at(record.claimant_born);
    for (size_t i = 0; i < n; i++) {
        if (person_is(&parties[i].person, p) && party_represents(&parties[i]) &&
            party_acts(parties, n, i, &life, clock_now()) &&
            scope_sends(parties[i].scope, kind))
            return ERR_OK;
    }
    return refuse_because(REFUSAL_NOT_PERMITTED,
                          "Your authority on this claim does not cover this");
}

enum err authority_claim_for(struct db *db, const struct uuid *id, const struct principal *p,
                             enum action action, enum purpose stated, struct claim_access *out)
{
    memset(out, 0, sizeof(*out)); /* a missing one goes the same road: time tells nothing */
    TRY(refuse_role_first(p, action));
    enum err found = claim_find(db, id, &out->claim);
    if (found != ERR_NOT_FOUND)
        TRY(found);
    struct question q = {.p = p, .action = action, .now = clock_now()};
    TRY(relations_on_claim(db, &out->claim, &q, &out->relations));
    if (found == ERR_NOT_FOUND)
        return refuse(REFUSAL_CLAIM_NOT_FOUND);
    struct access access = {.action = action,
                            .relations = out->relations,
                            .status = PERMISSION_NO_ARTEFACT,
                            .purpose = stated};
    enum permission verdict = permission_check(p, &access, &out->role, &out->purpose);
    if (verdict == DENY_HIDDEN && q.narrowed)
        return refuse_because(REFUSAL_NOT_PERMITTED,
                              "Your authority on this claim does not cover this");
    return authority_refuse(verdict, REFUSAL_CLAIM_NOT_FOUND);
}

enum err authority_claim(struct db *db, const struct uuid *id, const struct principal *p,
                         enum action action, struct claim_record *claim, uint32_t *relations,
                         enum role *role)
{
    struct claim_access access;
    enum err e = authority_claim_for(db, id, p, action, PURPOSE_NONE, &access);
    *claim = access.claim;
    if (relations)
        *relations = access.relations;
    if (role)
        *role = access.role;
    return e;
}

/* The road of somebody else's artefact with one link, so that time tells nothing. */
static enum err refuse_missing(struct db *db, const struct principal *p)
{
    struct link_record links[LINKS_MAX];
    struct claim_record claim = {.special_rules = false};
    uint32_t relations = 0;
    size_t n = 0;
    TRY(link_list(db, &claim.id, links, &n));
    enum err none = claim_find(db, &claim.id, &claim);
    if (none != ERR_OK && none != ERR_NOT_FOUND)
        return none;
    TRY(authority_on_claim(db, &claim, p, clock_now(), &relations));
    return refuse(REFUSAL_NOT_FOUND);
}

enum err authority_artefact(struct db *db, const struct uuid *id, const struct principal *p,
                            enum action action, enum purpose stated,
                            struct artefact_access *out)
{
    memset(out, 0, sizeof(*out)); /* a refusal by role names no artefact */
    TRY(refuse_role_first(p, action));
    enum err found = artefact_find(db, id, &out->artefact);
    if (found == ERR_NOT_FOUND)
        return refuse_missing(db, p);
    TRY(found);
    TRY(relations_on_artefact(db, &out->artefact, p, action, clock_now(), &out->relations));
    struct access access = {
        .action = action,
        .relations = out->relations,
        .status = out->artefact.status,
        .harmful = out->artefact.harmful,
        .purpose = stated,
    };
    return authority_refuse(permission_check(p, &access, &out->role, &out->purpose),
                            REFUSAL_NOT_FOUND);
}
