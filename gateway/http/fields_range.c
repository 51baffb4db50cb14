/* Range, If-Range and entity tags (RFC 9110 sections 13 and 14).
 *
 * Why so strict: a Range that is understood a little is worse than one that is ignored, since
 * the whole representation is always a right answer. Invariant: every range given back lies
 * inside the representation, and no two of them touch. */
#include "gateway/http/fields.h"

#include "gateway/http/chars.h"

#include <string.h>

/* Saturates, so that "bytes=0-99999999999999999999999" still means "to the end". */
static const char *number_parse(const char *p, uint64_t *out)
{
    uint64_t value = 0;

    for (; char_is_digit(*p); p++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            value = UINT64_MAX;
    }
    *out = value;
    return p;
}

/* One range-spec. Returns past it, or NULL if it is malformed. *keep is false when it lies
 * outside. */
static const char *spec_parse(const char *p, uint64_t size, struct field_range *out, bool *keep)
{
    uint64_t first, last = UINT64_MAX;

    if (*p == '-') {
        if (!char_is_digit(*++p))
            return NULL;
        p = number_parse(p, &last);
        *keep = last > 0 && size > 0;
        *out = (struct field_range){.first = last < size ? size - last : 0, .last = size - 1};
        return p;
    }
    if (!char_is_digit(*p))
        return NULL;
    p = number_parse(p, &first);
    if (*p++ != '-')
        return NULL;
    if (char_is_digit(*p)) {
        p = number_parse(p, &last);
        if (last < first)
            return NULL;
    }
    *keep = first < size;
    *out = (struct field_range){.first = first, .last = last < size ? last : size - 1};
    return p;
}

static bool ranges_touch(const struct field_range *a, const struct field_range *b)
{
    return a->first <= b->last + 1 && b->first <= a->last + 1;
}

/* Adds r, swallowing what it overlaps or borders on; the joined range stands where the first of
 * its parts stood. False if there are too many. */
static bool range_add(struct field_range *list, size_t *n, struct field_range r)
{
    size_t place = *n;

    for (size_t i = 0; i < *n;) {
        if (!ranges_touch(&list[i], &r)) {
            i++;
            continue;
        }
        r.first = list[i].first < r.first ? list[i].first : r.first;
        r.last = list[i].last > r.last ? list[i].last : r.last;
        place = place < i ? place : i;
        memmove(&list[i], &list[i + 1], (*n - i - 1) * sizeof(list[0]));
        (*n)--;
        i = 0; /* the grown range may touch an earlier one now */
    }
    if (*n == FIELD_RANGES_MAX)
        return false;
    place = place < *n ? place : *n;
    memmove(&list[place + 1], &list[place], (*n - place) * sizeof(list[0]));
    list[place] = r;
    (*n)++;
    return true;
}

enum range_outcome field_range_parse(const char *value, uint64_t size,
                                     struct field_range out[FIELD_RANGES_MAX], size_t *n)
{
    bool any = false;
    const char *p;

    *n = 0;
    if (value == NULL || strncasecmp(value, "bytes=", 6) != 0)
        return RANGE_NONE;
    p = value + 6;
    for (;;) {
        struct field_range r;
        bool keep = false;

        p = skip_spaces(p);
        if (*p != ',' && *p != '\0') {
            p = spec_parse(p, size, &r, &keep);
            if (p == NULL)
                return RANGE_NONE;
            any = true;
            if (keep && !range_add(out, n, r))
                return RANGE_NONE;
            p = skip_spaces(p);
        }
        if (*p == '\0')
            break;
        if (*p++ != ',')
            return RANGE_NONE;
    }
    if (!any)
        return RANGE_NONE;
    return *n > 0 ? RANGE_OK : RANGE_UNSATISFIABLE;
}

bool field_if_range(const char *value, const char *etag)
{
    return value != NULL && etag[0] == '"' && strcmp(value, etag) == 0;
}

static bool is_etag_char(char c)
{
    return c == 0x21 || (unsigned char)c >= 0x80 || (c >= 0x23 && c <= 0x7e);
}

bool field_etag_matches(const char *value, const char *etag)
{
    const char *opaque = strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
    size_t opaque_len = strlen(opaque);
    const char *p = value;

    if (value == NULL)
        return false;
    if (strcmp(value, "*") == 0)
        return true;
    for (;;) {
        const char *start;

        while (char_is_space(*p) || *p == ',')
            p++;
        if (strncmp(p, "W/", 2) == 0)
            p += 2;
        if (*p != '"')
            return false;
        start = p++;
        while (is_etag_char(*p))
            p++;
        if (*p++ != '"')
            return false;
        if ((size_t)(p - start) == opaque_len && memcmp(start, opaque, opaque_len) == 0)
            return true;
        p = skip_spaces(p);
        if (*p != ',')
            return false;
    }
}
