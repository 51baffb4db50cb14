#include "gateway/evidence/rules/refusal.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const NAMES[] = {
#define X(code, name, words) [code] = name,
    REFUSAL_TABLE(X)
#undef X
};
static const char *const WORDS[] = {
#define X(code, name, words) [code] = words,
    REFUSAL_TABLE(X)
#undef X
};

const char *refusal_name(enum refusal r)
{
    assert((unsigned)r < REFUSAL_COUNT);
    return NAMES[r];
}

const char *refusal_words(enum refusal r)
{
    assert((unsigned)r < REFUSAL_COUNT);
    return WORDS[r];
}

enum err refuse(enum refusal r)
{
    return err_set_detail(ERR_REFUSED, (int)r, "%s", refusal_words(r));
}

enum err refuse_because(enum refusal r, const char *fmt, ...)
{
    char words[ERR_MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    return err_set_detail(ERR_REFUSED, (int)r, "%s", words);
}
