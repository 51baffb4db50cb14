/* Which members of an entry are free words, and how they are kept.
 *
 * Invariants: a listed member is sealed unless its action is known to give one of the
 * gateway's own reasons and the value looks like one: what is new and forgotten here is sealed
 * rather than shown. What is left in `details` is canonical JSON, too. */
#include "storage/ledger_words.h"

#include <stdlib.h>
#include <string.h>

/* Members that people write. */
static const char *const WORDS[] = {"reason",      "reviewer", "what",  "note",   "filename",
                                    "description", "name",     "words", "outcome"};
/* Actions whose reasons are the gateway's own, by how they begin or end. */
static const char *const CODED_BEGIN[] = {"upload.", "refusals.", "recording.", "inspection."};
static const char *const CODED_END[] = {".refused", ".denied"};

enum { CODE_MAX = 40 };

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
    size_t len = strlen(text), end = strlen(with);

    return len >= end && strcmp(text + len - end, with) == 0;
}

static bool is_coded(const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(CODED_BEGIN); i++) {
        if (begins(action, CODED_BEGIN[i]))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(CODED_END); i++) {
        if (ends(action, CODED_END[i]))
            return true;
    }
    return false;
}

/* "contains-virus", "opted-out" */
static bool looks_coded(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return text[len] == '\0' && len <= CODE_MAX;
}

static bool is_free(const json_t *details, const char *member)
{
    const json_t *value = json_object_get(details, member);
    const char *action = json_string_value(json_object_get(details, "action"));
    const char *text = json_string_value(value);

    if (value == NULL || (text != NULL && text[0] == '\0'))
        return false;
    return text == NULL || action == NULL || !is_coded(action) || !looks_coded(text);
}

enum err words_left_out(const json_t *details, char **out)
{
    AUTO(json_free) json_t *rest = NULL;
    size_t len;

    *out = NULL;
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (!is_free(details, WORDS[i]))
            continue;
        if (rest == NULL)
            rest = json_copy((json_t *)(uintptr_t)details); /* shallow: members are shared */
        if (rest == NULL || json_object_del(rest, WORDS[i]) != 0)
            return err_set(ERR_NOMEM, "an entry without its free words");
    }
    return rest != NULL ? json_canonical(rest, out, &len) : ERR_OK;
}

void bind_details(struct statement *s, uint64_t index, const char *details, const char *whole)
{
    struct sealed_row row;

    bind_text(s, details);
    if (whole == NULL) {
        bind_null(s);
        return;
    }
    sealed_row_number(&row, index);
    bind_sealed(s, LEDGER_DETAILS, &row, whole);
}

static void keep(struct statement *s, const struct buf *text, struct buf *rest)
{
    enum err e = rest != NULL ? buf_append(rest, text->data, text->len) : ERR_OK;

    if (e != ERR_OK && s->failed == ERR_OK)
        s->failed = e;
}

void read_details(struct statement *s, uint64_t index, struct buf *out, bool *whole,
                  struct buf *rest)
{
    struct sealed_row row;

    *whole = true;
    buf_reset(out);
    if (rest != NULL)
        buf_reset(rest);
    read_append(s, out);
    if (read_is_null(s)) {
        read_skip(s);
        return;
    }
    *whole = db_can_open(s->db);
    if (!*whole) {
        read_skip(s);
        return;
    }
    keep(s, out, rest);
    buf_reset(out);
    sealed_row_number(&row, index);
    read_sealed_append(s, LEDGER_DETAILS, &row, out);
}

void read_details_copy(struct statement *s, uint64_t index, char **out)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    bool erased = read_is_null(s), whole;

    *out = NULL;
    buf_init(&text, DETAILS_MAX);
    read_details(s, index, &text, &whole, NULL);
    if (erased || s->failed != ERR_OK)
        return;
    *out = strdup(buf_text(&text));
    if (*out == NULL)
        s->failed = err_set(ERR_NOMEM, "an entry's details");
}
