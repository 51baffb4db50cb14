/* Whether a party acts is computed from its row and the claim's life at the moment it is asked:
 * nothing is switched off when somebody dies or a birthday comes, so nothing can be forgotten.
 *
 * Invariant: a scope gives what its words give, and a word nobody knows gives nothing. */
#include "gateway/evidence/rules/party.h"

#include "gateway/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- scope -------------------------------------------------------------------------------- */

static const struct word {
    const char *text;
    uint32_t covers;
} WORDS[] = {
    {"all", COVER_ALL},   {"full", COVER_ALL},    {"evidence", COVER_READ | COVER_SEND},
    {"read", COVER_READ}, {"upload", COVER_SEND}, {"choice", COVER_DECIDE},
};

/* The next word of a scope: its length, and *at behind it; 0 at the end. */
static size_t next_word(const char **at, const char **word)
{
    *at += strspn(*at, ", ");
    *word = *at;
    size_t len = strcspn(*at, ", ");
    *at += len;
    return len;
}

static const struct word *known_word(const char *text, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (strlen(WORDS[i].text) == len && memcmp(WORDS[i].text, text, len) == 0)
            return &WORDS[i];
    }
    return NULL;
}

uint32_t scope_covers(const char *scope)
{
    const char *at = scope, *word = NULL;
    uint32_t covers = 0;
    size_t words = 0;
    for (size_t len = next_word(&at, &word); len > 0; len = next_word(&at, &word)) {
        const struct word *known = known_word(word, len);
        covers |= known ? known->covers : (uint32_t)COVER_SEND; /* of one kind at the most */
        words++;
    }
    return words > 0 ? covers : (uint32_t)COVER_ALL;
}

bool scope_sends(const char *scope, const char *kind)
{
    const char *at = scope, *word = NULL;
    size_t words = 0;
    for (size_t len = next_word(&at, &word); len > 0; len = next_word(&at, &word)) {
        const struct word *known = known_word(word, len);
        if (known && (known->covers & COVER_SEND) != 0)
            return true;
        if (!known && strlen(kind) == len && memcmp(kind, word, len) == 0)
            return true;
        words++;
    }
    return words == 0;
}

bool cover_permits(uint32_t covers, enum action action)
{
    if (action == ACTION_CLAIM_READ || action == ACTION_CLAIM_LIST)
        return covers != 0;
    if (action == ACTION_ARTEFACT_CREATE)
        return (covers & COVER_SEND) != 0;
    if (action == ACTION_CHOICE_NOTICE || action == ACTION_CHOICE_SET ||
        action == ACTION_CONSENT_GIVE)
        return (covers & COVER_DECIDE) != 0;
    if (action == ACTION_ASSESSMENT_READ || action == ACTION_CONSENT_READ)
        return (covers & (COVER_READ | COVER_DECIDE)) != 0;
    return (covers & COVER_READ) != 0;
}

/* --- time --------------------------------------------------------------------------------- */

int64_t claimant_of_age_at(const char *born)
{
    char text[2 * TIME_TEXT_SIZE];
    int64_t at = 0;
    if (!born[0] || date_check(born) != ERR_OK)
        return 0;
    long year = strtol(born, NULL, 10) + CLAIMANT_OF_AGE;
    (void)snprintf(text, sizeof(text), "%04ld%.6sT00:00:00Z", year, born + 4);
    if (time_parse(text, &at) == ERR_OK)
        return at;
    /* born on 29 February, and no such day that year (or born out of all measure) */
    (void)snprintf(text, sizeof(text), "%04ld-03-01T00:00:00Z", year);
    return time_parse(text, &at) == ERR_OK ? at : 0;
}

static bool kind_is(const struct party_record *p, const char *kind)
{
    return strcmp(p->kind, kind) == 0;
}

static bool is_appointee(const struct party_record *p)
{
    return party_represents(p) && kind_is(p, "appointee");
}

bool party_represents(const struct party_record *p)
{
    return strcmp(p->role, role_name(ROLE_REPRESENTATIVE)) == 0;
}

static bool for_a_child(const struct party_record *p)
{
    return kind_is(p, "appointee") || kind_is(p, "parent") || kind_is(p, "guardian");
}

static int64_t began_at(const struct party_record *p, const struct claim_life *life)
{
    return p->from != 0 ? p->from : life->began_at;
}

/* By its own dates and the claimant's life, whoever else there is. */
static bool in_force(const struct party_record *p, const struct claim_life *life, int64_t now)
{
    int64_t began = began_at(p, life);
    if (p->from > now || (p->until != 0 && p->until <= now))
        return false;
    if (!party_represents(p))
        return true;
    if (life->died_at != 0 && began < life->died_at)
        return false;
    return !(for_a_child(p) && life->of_age_at != 0 && began < life->of_age_at &&
             life->of_age_at <= now);
}

static bool same_person(const struct person *a, const struct person *b)
{
    return strcmp(a->issuer, b->issuer) == 0 && strcmp(a->subject, b->subject) == 0;
}

/* Another appointee in force whose appointment began later, or as late and stands behind. */
static bool is_followed(const struct party_record *parties, size_t n, size_t at,
                        const struct claim_life *life, int64_t now)
{
    for (size_t i = 0; i < n; i++) {
        int64_t mine = began_at(&parties[at], life), other = began_at(&parties[i], life);
        if (i != at && is_appointee(&parties[i]) && in_force(&parties[i], life, now) &&
            !same_person(&parties[i].person, &parties[at].person) &&
            (other > mine || (other == mine && i > at)))
            return true;
    }
    return false;
}

bool party_acts(const struct party_record *parties, size_t n, size_t at,
                const struct claim_life *life, int64_t now)
{
    return in_force(&parties[at], life, now) &&
           !(is_appointee(&parties[at]) && is_followed(parties, n, at, life, now));
}

/* --- what may be registered --------------------------------------------------------------- */

static enum err scope_check(const char *scope, const struct kinds *kinds)
{
    const char *at = scope, *word = NULL;
    for (size_t len = next_word(&at, &word); len > 0; len = next_word(&at, &word)) {
        char name[SHORT_TEXT_MAX + 1] = "";
        if (known_word(word, len))
            continue;
        if (len < sizeof(name))
            memcpy(name, word, len);
        if (!kinds_find(kinds, name))
            return refuse_because(REFUSAL_INVALID_REQUEST,
                                  "a party's scope is all, or a list of read, upload, choice, "
                                  "evidence and kinds of evidence");
    }
    return ERR_OK;
}

enum err parties_check(const struct party_record *parties, size_t n, const struct kinds *kinds,
                       int64_t now)
{
    const struct claim_life any = {.began_at = now};
    const struct party_record *appointee = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct party_record *p = &parties[i];
        TRY(scope_check(p->scope, kinds));
        if (p->until != 0 && p->until <= p->from)
            return refuse_because(REFUSAL_INVALID_REQUEST,
                                  "a party's authority ends before it begins");
        if (!is_appointee(p) || !in_force(p, &any, now))
            continue;
        if (appointee && !same_person(&appointee->person, &p->person))
            return refuse_because(REFUSAL_INVALID_REQUEST,
                                  "a claimant has one appointee at a time: say when the "
                                  "former one's authority ended");
        appointee = p;
    }
    return ERR_OK;
}
