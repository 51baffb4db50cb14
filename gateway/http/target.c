/* Why: libmicrohttpd decodes in place and leniently (bad escapes stay, %00 ends the text). The
 * raw target is copied before it does, and read here.
 *
 * Invariant: every text given back is valid UTF-8 without control characters; no decoded
 * path has a dot segment, whatever a separator is spelled like. */
#include "gateway/http/target.h"

#include "gateway/base/encode.h"
#include "gateway/http/chars.h"

#include <stdlib.h>
#include <string.h>

/* Storage: the raw text, the decoded path twice (segments, rests), the decoded query. */
enum { STORAGE_PARTS = 4 };

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* Decodes [from, to) to *at, which moves past the NUL. */
static enum err take(const char *from, const char *to, bool plus_is_space, char **at,
                     const char **out)
{
    size_t len = (size_t)(to - from);

    TRY(percent_decode(from, len, plus_is_space, *at, len + 1));
    if (has_control(*at) || !utf8_valid(*at, strlen(*at)))
        return err_set(ERR_INVALID, "a target that decodes to other than text");
    *out = *at;
    *at += strlen(*at) + 1;
    return ERR_OK;
}

static bool has_dot_segment(const char *path)
{
    while (*path != '\0') {
        size_t len = strcspn(path, "/\\");

        if ((len == 1 && path[0] == '.') || (len == 2 && memcmp(path, "..", 2) == 0))
            return true;
        path += len;
        path += *path != '\0';
    }
    return false;
}

static enum err path_split(struct target *t, char **at)
{
    const char *end = t->path + strlen(t->path);
    const char *whole, *p = t->path;
    size_t decoded = 0; /* how far into the decoded path this segment begins */

    TRY(take(t->path, end, false, at, &whole));
    if (has_dot_segment(whole))
        return err_set(ERR_INVALID, "a dot segment in the target");
    while (*p == '/') {
        const char *stop = p + 1 + strcspn(p + 1, "/");

        if (t->n_segments == TARGET_SEGMENTS_MAX)
            return err_set(ERR_INVALID, "a target of more than %d segments",
                           TARGET_SEGMENTS_MAX);
        t->rests[t->n_segments] = whole + decoded + 1;
        TRY(take(p + 1, stop, false, at, &t->segments[t->n_segments]));
        decoded += 1 + strlen(t->segments[t->n_segments]);
        t->n_segments++;
        p = stop;
    }
    return ERR_OK;
}

static enum err query_split(struct target *t, const char *query, char **at)
{
    while (*query != '\0') {
        const char *stop = query + strcspn(query, "&");
        const char *equals = memchr(query, '=', (size_t)(stop - query));
        struct target_argument *a = &t->arguments[t->n_arguments];

        if (stop > query) {
            if (t->n_arguments == TARGET_ARGUMENTS_MAX)
                return err_set(ERR_INVALID, "a query of more than %d arguments",
                               TARGET_ARGUMENTS_MAX);
            TRY(take(query, equals != NULL ? equals : stop, true, at, &a->name));
            TRY(take(equals != NULL ? equals + 1 : stop, stop, true, at, &a->value));
            t->n_arguments++;
        }
        query = stop + (*stop != '\0');
    }
    return ERR_OK;
}

enum err target_parse(const char *raw, struct target *out)
{
    size_t len = strlen(raw);
    char *query, *at;

    *out = (struct target){.storage = NULL};
    out->storage = malloc((len + 2) * STORAGE_PARTS);
    if (out->storage == NULL)
        return err_set(ERR_NOMEM, "no memory for a target");
    memcpy(out->storage, raw, len + 1);
    out->path = out->storage;
    at = out->storage + len + 2;
    query = strchr(out->storage, '?');
    if (query != NULL)
        *query++ = '\0';
    TRY(path_split(out, &at));
    return query != NULL ? query_split(out, query, &at) : ERR_OK;
}

void target_clear(struct target *t)
{
    free(t->storage);
    *t = (struct target){.storage = NULL};
}
