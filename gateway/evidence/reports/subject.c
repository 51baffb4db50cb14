/* Invariant: what is made alike is what a person would call the same name in the same breath;
 * anything cleverer would match strangers. */
#include "gateway/evidence/reports/subject.h"

#include "gateway/base/encode.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* U+00C0 to U+017F without their accents, in lower case. */
enum { FOLD_FIRST = 0xc0, FOLD_LAST = 0x17f };
static const char *const FOLDED[] = {
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "ss",
    "a", "a", "a",  "a",  "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o",  "o",  "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y",
    "a", "a", "a",  "a",  "a", "a", "c",  "c", "c", "c", "c", "c", "c", "c", "d",  "d",
    "d", "d", "e",  "e",  "e", "e", "e",  "e", "e", "e", "e", "e", "g", "g", "g",  "g",
    "g", "g", "g",  "g",  "h", "h", "h",  "h", "i", "i", "i", "i", "i", "i", "i",  "i",
    "i", "i", "ij", "ij", "j", "j", "k",  "k", "k", "l", "l", "l", "l", "l", "l",  "l",
    "l", "l", "l",  "n",  "n", "n", "n",  "n", "n", "n", "n", "n", "o", "o", "o",  "o",
    "o", "o", "oe", "oe", "r", "r", "r",  "r", "r", "r", "s", "s", "s", "s", "s",  "s",
    "s", "s", "t",  "t",  "t", "t", "t",  "t", "u", "u", "u", "u", "u", "u", "u",  "u",
    "u", "u", "u",  "u",  "w", "w", "y",  "y", "y", "z", "z", "z", "z", "z", "z",  "s",
};
_Static_assert(ARRAY_LEN(FOLDED) == FOLD_LAST - FOLD_FIRST + 1, "a row for each");

/* --- letters ------------------------------------------------------------------------------ */

static uint32_t code_point(const char *at, size_t step)
{
    static const uint8_t LEAD[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)at[0] & LEAD[step];
    for (size_t i = 1; i < step; i++)
        c = c << 6 | ((unsigned char)at[i] & 0x3f);
    return c;
}

static bool is_dropped(uint32_t c)
{
    bool mark = c >= 0x300 && c <= 0x36f;
    bool apostrophe = c == '\'' || c == '`' || c == 0xb4 || c == 0x2bc || c == 0x2bb ||
                      (c >= 0x2018 && c <= 0x201b) || c == 0x2032;
    return mark || apostrophe || c == '.' || c == ',';
}

static bool is_gap(uint32_t c)
{
    return c <= ' ' || c == '-' || c == 0xa0 || (c >= 0x2000 && c <= 0x2015) || c == 0x2212;
}

static void put(char *out, size_t *len, const char *text, size_t n)
{
    if (*len + n > SUBJECT_SURNAME_MAX)
        return;
    memcpy(out + *len, text, n);
    *len += n;
    out[*len] = 0;
}

static void put_letter(char *out, size_t *len, const char *at, size_t step, uint32_t c)
{
    if (c >= 'A' && c <= 'Z') {
        char lower = (char)(c - 'A' + 'a');
        put(out, len, &lower, 1);
    } else if (c >= FOLD_FIRST && c <= FOLD_LAST) {
        put(out, len, FOLDED[c - FOLD_FIRST], strlen(FOLDED[c - FOLD_FIRST]));
    } else {
        put(out, len, at, step);
    }
}

/* --- words -------------------------------------------------------------------------------- */

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

struct words {
    char last[SUBJECT_SURNAME_MAX + 1]; /* so far */
};

/* `word` is used up. */
static void word_end(struct words *w, char *word, size_t *len)
{
    static const char *const BEHIND[] = {"jr", "jnr", "sr", "snr"};
    static const char *const BEFORE[] = {"o", "mc", "mac"};
    if (*len == 0)
        return;
    bool behind = w->last[0] && is_one_of(word, BEHIND, ARRAY_LEN(BEHIND));
    bool joined = is_one_of(w->last, BEFORE, ARRAY_LEN(BEFORE));
    if (joined && !behind) {
        size_t at = strlen(w->last);
        put(w->last, &at, word, *len);
    } else if (!behind) {
        memcpy(w->last, word, *len + 1);
    }
    *len = 0;
    word[0] = 0;
}

void subject_surname(const char *name, char out[SUBJECT_SURNAME_MAX + 1])
{
    struct words w = {.last = ""};
    char word[SUBJECT_SURNAME_MAX + 1] = "";
    size_t len = 0, left = strlen(name);
    while (left > 0) {
        size_t step = utf8_step(name, left);
        uint32_t c = step > 0 ? code_point(name, step) : ' ';
        if (step == 0)
            step = 1;
        if (is_gap(c))
            word_end(&w, word, &len);
        else if (!is_dropped(c))
            put_letter(word, &len, name, step, c);
        name += step;
        left -= step;
    }
    word_end(&w, word, &len);
    memcpy(out, w.last, sizeof(w.last));
    sodium_memzero(&w, sizeof(w));
    sodium_memzero(word, sizeof(word));
}

/* --- the text ----------------------------------------------------------------------------- */

void subject_text(const char *nino, const char *born, const char *name,
                  char out[SUBJECT_TEXT_MAX + 1])
{
    char surname[SUBJECT_SURNAME_MAX + 1];
    subject_surname(name, surname);
    bool whole = nino[0] && born[0] && surname[0];
    out[0] = 0;
    if (whole)
        (void)snprintf(out, SUBJECT_TEXT_MAX + 1, "%s|%s|%s", nino, born, surname);
    sodium_memzero(surname, sizeof(surname));
}
