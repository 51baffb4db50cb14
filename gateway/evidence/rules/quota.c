/* Persons are counted in every role, so that one row tells what somebody has sent; who is asked
 * is decided by role alone. A claim's row counts nothing but its claimant's side. */
#include "gateway/evidence/rules/quota.h"

#include "gateway/evidence/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool in_own_matter(enum role role)
{
    return role == ROLE_CLAIMANT || role == ROLE_REPRESENTATIVE ||
           role == ROLE_HEALTH_PROFESSIONAL;
}

static bool claimants_side(enum role role)
{
    return role == ROLE_CLAIMANT || role == ROLE_REPRESENTATIVE;
}

/* --- whose room --------------------------------------------------------------------------- */

struct room { /* one limit of each kind on one row of usage */
    enum usage_scope scope;
    char key[ACTOR_MAX];
    uint64_t max_bytes, max_artefacts; /* 0: none */
    const char *whose;
};

static void room_of_person(const struct evidence *ev, const struct person *who,
                           struct room *out)
{
    *out = (struct room){.scope = USAGE_PERSON,
                         .max_bytes = ev->config.quota.person_bytes,
                         .max_artefacts = ev->config.quota.person_artefacts,
                         .whose = "one person"};
    (void)snprintf(out->key, sizeof(out->key), "%s#%s", who->issuer, who->subject);
}

static void room_of_claim(const struct evidence *ev, const struct uuid *claim, struct room *out)
{
    *out = (struct room){.scope = USAGE_CLAIM,
                         .max_bytes = ev->config.quota.claim_bytes,
                         .max_artefacts = ev->config.quota.claim_artefacts,
                         .whose = "the claimant's side of one claim"};
    uuid_format(claim, out->key);
}
_Static_assert((int)ACTOR_MAX >= (int)UUID_TEXT_SIZE, "a claim's id fits a key");

/* --- asking ------------------------------------------------------------------------------- */

struct asking {
    const struct person *who;
    const struct quota_wish *wish;
    bool in_commit; /* of what is to be stored now */
};

static enum err refuse_bytes(const struct room *room)
{
    static const char *const UNITS[] = {"bytes", "KB", "MB", "GB", "TB"};
    uint64_t n = room->max_bytes;
    size_t unit = 0;
    while (unit + 1 < ARRAY_LEN(UNITS) && n >= 1024 && n % 1024 == 0) {
        n /= 1024;
        unit++;
    }
    return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                          "There is no more room: %s may send %" PRIu64 "%s%s altogether",
                          room->whose, n, unit == 0 ? " " : "", UNITS[unit]);
}

static enum err refuse_artefacts(const struct room *room)
{
    return refuse_because(REFUSAL_QUOTA_EXCEEDED,
                          "There is no more room: %s may send %" PRIu64 " files altogether",
                          room->whose, room->max_artefacts);
}

/* What this person has begun, and not this very one. */
static enum err pending_find(struct db *db, const struct room *room, const struct asking *a,
                             uint64_t *out)
{
    const struct uuid *claim = room->scope == USAGE_CLAIM ? a->wish->claim : NULL;
    *out = 0;
    if (a->in_commit)
        return ERR_OK;
    TRY(upload_record_pending(db, a->who, claim, out));
    *out -= *out < a->wish->begun ? *out : a->wish->begun;
    return ERR_OK;
}

static enum err room_ask(struct db *db, const struct room *room, const struct asking *a,
                         uint64_t *left)
{
    struct usage used;
    uint64_t pending, taken;
    if (room->max_bytes == 0 && room->max_artefacts == 0)
        return ERR_OK;
    TRY(usage_find(db, room->scope, room->key, &used));
    if (room->max_artefacts > 0 && used.artefacts >= room->max_artefacts)
        return refuse_artefacts(room);
    if (room->max_bytes == 0)
        return ERR_OK;
    TRY(pending_find(db, room, a, &pending));
    if (__builtin_add_overflow(used.bytes, pending, &taken))
        taken = UINT64_MAX;
    uint64_t free = taken < room->max_bytes ? room->max_bytes - taken : 0;
    if (free == 0 || a->wish->size > free)
        return refuse_bytes(room);
    if (free < *left)
        *left = free;
    return ERR_OK;
}

static enum err rooms_ask(struct evidence *ev, struct db *db, const struct asking *a,
                          uint64_t *left)
{
    enum role role = a->wish->role;
    struct room room;
    *left = UINT64_MAX;
    if (in_own_matter(role)) {
        room_of_person(ev, a->who, &room);
        TRY(room_ask(db, &room, a, left));
    }
    if (claimants_side(role) && !uuid_is_nil(a->wish->claim)) {
        room_of_claim(ev, a->wish->claim, &room);
        TRY(room_ask(db, &room, a, left));
    }
    return ERR_OK;
}

enum err quota_ask(struct evidence *ev, struct db *db, const struct principal *p,
                   const struct quota_wish *wish, uint64_t *left)
{
    struct person who = person_of(p);
    struct asking a = {.who = &who, .wish = wish};
    return rooms_ask(ev, db, &a, left);
}

/* --- counting ----------------------------------------------------------------------------- */

static enum err count(struct db *db, const struct artefact_record *a, enum role role, int sign)
{
    char person[ACTOR_MAX], claim[UUID_TEXT_SIZE];
    int64_t bytes = (int64_t)a->size * sign;
    (void)snprintf(person, sizeof(person), "%s#%s", a->uploader.issuer, a->uploader.subject);
    uuid_format(&a->claim, claim);
    TRY(usage_add(db, USAGE_PERSON, person, sign, bytes));
    if (!claimants_side(role) || uuid_is_nil(&a->claim))
        return ERR_OK;
    return usage_add(db, USAGE_CLAIM, claim, sign, bytes);
}

enum err quota_take(struct evidence *ev, struct db *db, const struct artefact_record *a)
{
    enum role role;
    uint64_t left = 0;
    TRY(role_parse(a->uploader_role, &role));
    struct quota_wish wish = {.role = role, .claim = &a->claim, .size = a->size};
    struct asking asking = {.who = &a->uploader, .wish = &wish, .in_commit = true};
    TRY(rooms_ask(ev, db, &asking, &left));
    return count(db, a, role, 1);
}

enum err quota_give(struct db *db, const struct artefact_record *a)
{
    enum role role;
    TRY(role_parse(a->uploader_role, &role));
    return count(db, a, role, -1);
}
