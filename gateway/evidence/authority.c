/* Relations are computed from the records of the moment, never kept: authority that ended a
 * second ago is ended. The permission table then decides; this file only finds out how the
 * caller stands. */
#include "gateway/evidence/authority.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"

#include <string.h>

static bool party_valid(const struct party_record *party, int64_t now)
{
    return party->from <= now && (party->until == 0 || now < party->until);
}

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

enum err authority_on_claim(struct db *db, const struct claim_record *claim,
                            const struct principal *p, int64_t now, uint32_t *relations)
{
    uint32_t found = REL_ANY;
    if (person_is(&claim->claimant, p))
        found |= REL_CLAIMANT;

    struct party_record parties[PARTIES_MAX];
    size_t n = 0;
    TRY(party_list(db, &claim->id, parties, &n));
    for (size_t i = 0; i < n; i++) {
        if (person_is(&parties[i].person, p) && party_valid(&parties[i], now))
            found |= relation_of_party(&parties[i]);
    }

    char assigned[ASSIGNED_MAX][SUBJECT_MAX + 1];
    TRY(assigned_list(db, &claim->id, assigned, &n));
    for (size_t i = 0; i < n; i++) {
        if (strcmp(assigned[i], p->subject) == 0)
            found |= REL_ASSIGNED;
    }
    *relations = found;
    return ERR_OK;
}

enum err authority_on_artefact(struct db *db, const struct artefact_record *a,
                               const struct principal *p, int64_t now, uint32_t *relations)
{
    struct link_record links[LINKS_MAX];
    size_t n = 0;
    uint32_t found = person_is(&a->uploader, p) ? REL_ANY | REL_UPLOADER : REL_ANY;
    TRY(link_list(db, &a->id, links, &n));
    for (size_t i = 0; i < n; i++) {
        struct claim_record claim;
        uint32_t here = 0;
        TRY(claim_find(db, &links[i].claim, &claim));
        TRY(authority_on_claim(db, &claim, p, now, &here));
        found |= here;
    }
    *relations = found;
    return ERR_OK;
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

enum err authority_claim(struct db *db, const struct uuid *id, const struct principal *p,
                         enum action action, struct claim_record *claim, uint32_t *relations,
                         enum role *role)
{
    TRY(refuse_role_first(p, action));
    struct access access = {.action = action, .status = PERMISSION_NO_ARTEFACT};
    enum err found = claim_find(db, id, claim);
    if (found == ERR_NOT_FOUND)
        memset(claim, 0, sizeof(*claim)); /* the same road, so that time tells nothing */
    else
        TRY(found);
    TRY(authority_on_claim(db, claim, p, clock_now(), &access.relations));
    if (relations)
        *relations = access.relations;
    if (found == ERR_NOT_FOUND)
        return refuse(REFUSAL_CLAIM_NOT_FOUND);
    return authority_refuse(permission_check(p, &access, role, NULL), REFUSAL_CLAIM_NOT_FOUND);
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
    TRY(authority_on_artefact(db, &out->artefact, p, clock_now(), &out->relations));
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
