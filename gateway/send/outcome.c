/* Outcomes: one table each for their names, for the errors that lead to them, for their rank.
 */
#include "gateway/send/outcome.h"

static const struct {
    const char *name, *words;
} OUTCOMES[OUTCOME_COUNT] = {
#define X(code, number, name, words) [code] = {name, words},
    OUTCOME_TABLE(X)
#undef X
};

const char *outcome_name(enum outcome o)
{
    return OUTCOMES[o].name;
}

const char *outcome_words(enum outcome o)
{
    return OUTCOMES[o].words;
}

static const struct {
    enum err error;
    enum outcome outcome;
} FROM_ERRORS[] = {
    {ERR_OK, OUTCOME_RECEIVED},
    {ERR_REFUSED, OUTCOME_REFUSED},
    {ERR_CRYPTO, OUTCOME_UNVERIFIED},
    {ERR_UNAVAILABLE, OUTCOME_UNREACHABLE},
    {ERR_TIMEOUT, OUTCOME_UNREACHABLE},
    {ERR_BUSY, OUTCOME_UNREACHABLE},
    {ERR_UNAUTHENTICATED, OUTCOME_UNREACHABLE},
};

enum outcome outcome_of(enum err e)
{
    for (size_t i = 0; i < ARRAY_LEN(FROM_ERRORS); i++) {
        if (FROM_ERRORS[i].error == e)
            return FROM_ERRORS[i].outcome;
    }
    return OUTCOME_LOCAL;
}

static const unsigned char RANK[OUTCOME_COUNT] = {
    [OUTCOME_RECEIVED] = 0, [OUTCOME_UNREACHABLE] = 1, [OUTCOME_LOCAL] = 2,
    [OUTCOME_REFUSED] = 3,  [OUTCOME_UNVERIFIED] = 4,  [OUTCOME_USAGE] = 5,
};

enum outcome outcome_worse(enum outcome a, enum outcome b)
{
    return RANK[b] > RANK[a] ? b : a;
}
