/* A few dozen patterns: a table walked from top to bottom beats any tree in plainness, and
 * costs a few comparisons of first segments.
 *
 * Invariant: every row was checked when the router was made, so that matching cannot fail. */
#include "gateway/http/router.h"

#include "gateway/http/chars.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST }; /* best first */
enum { PATTERN_SEGMENTS_MAX = 12 };

struct segment {
    enum segment_kind kind;
    const char *text; /* the literal, or the parameter's name */
    size_t len;
};
struct row {
    const struct http_route *route;
    struct segment segments[PATTERN_SEGMENTS_MAX];
    size_t n;
};
struct router {
    struct row *rows;
    size_t n;
};

static struct segment segment_read(const char *text, size_t len)
{
    struct segment s = {.kind = SEGMENT_LITERAL, .text = text, .len = len};

    if (len == 0 || text[0] != '{')
        return s;
    assert(len > 2 && text[len - 1] == '}');
    s.kind = SEGMENT_PARAM;
    s.text++;
    s.len -= 2;
    if (s.len > 3 && memcmp(s.text + s.len - 3, "...", 3) == 0) {
        s.kind = SEGMENT_REST;
        s.len -= 3;
    }
    return s;
}

static void row_read(const struct http_route *route, struct row *out)
{
    const char *p = route->pattern;
    size_t params = 0;

    assert(route->method != NULL && *skip_token(route->method) == '\0');
    assert(route->name != NULL && p != NULL && *p == '/');
    out->route = route;
    while (*p == '/') {
        size_t len = strcspn(p + 1, "/");

        assert(out->n < PATTERN_SEGMENTS_MAX);
        assert(out->n == 0 || out->segments[out->n - 1].kind != SEGMENT_REST);
        out->segments[out->n] = segment_read(p + 1, len);
        params += out->segments[out->n].kind != SEGMENT_LITERAL;
        out->n++;
        p += 1 + len;
    }
    assert(params <= HTTP_PARAMS_MAX);
}

static bool rows_equal(const struct row *a, const struct row *b)
{
    if (a->n != b->n || strcmp(a->route->method, b->route->method) != 0)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct segment *s = &a->segments[i], *t = &b->segments[i];

        if (s->kind != t->kind)
            return false;
        if (s->kind == SEGMENT_LITERAL &&
            (s->len != t->len || memcmp(s->text, t->text, s->len) != 0))
            return false;
    }
    return true;
}

enum err router_new(const struct http_route *routes, size_t n, struct router **out)
{
    AUTO(router_free) struct router *r = calloc(1, sizeof(*r));

    *out = NULL;
    if (r == NULL)
        return err_set(ERR_NOMEM, "no memory for the routes");
    r->rows = calloc(n > 0 ? n : 1, sizeof(*r->rows));
    if (r->rows == NULL)
        return err_set(ERR_NOMEM, "no memory for the routes");
    r->n = n;
    for (size_t i = 0; i < n; i++) {
        row_read(&routes[i], &r->rows[i]);
        for (size_t k = 0; k < i; k++)
            assert(!rows_equal(&r->rows[i], &r->rows[k]));
    }
    *out = TAKE(r);
    return ERR_OK;
}

void router_free(struct router *r)
{
    if (r == NULL)
        return;
    free(r->rows);
    free(r);
}

static bool row_fits(const struct row *row, const struct target *t)
{
    bool rest = row->segments[row->n - 1].kind == SEGMENT_REST;

    if (rest ? t->n_segments < row->n : t->n_segments != row->n)
        return false;
    for (size_t i = 0; i < row->n; i++) {
        const struct segment *s = &row->segments[i];

        switch (s->kind) {
        case SEGMENT_LITERAL:
            if (strncmp(t->segments[i], s->text, s->len) != 0 || t->segments[i][s->len] != '\0')
                return false;
            break;
        case SEGMENT_PARAM:
            if (t->segments[i][0] == '\0')
                return false;
            break;
        case SEGMENT_REST:
            return t->rests[i][0] != '\0';
        }
    }
    return true;
}

/* Whether a is the closer fit; both fit the same target. */
static bool row_closer(const struct row *a, const struct row *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (a->segments[i].kind != b->segments[i].kind)
            return a->segments[i].kind < b->segments[i].kind;
    return false;
}

static void allow_add(char *allow, const char *method)
{
    size_t len = strlen(allow), n = strlen(method);

    for (const char *p = strstr(allow, method); p != NULL; p = strstr(p + 1, method))
        if ((p == allow || p[-1] == ' ') && (p[n] == '\0' || p[n] == ','))
            return;
    (void)snprintf(allow + len, ROUTER_ALLOW_MAX - len, "%s%s", len > 0 ? ", " : "", method);
}

static void match_fill(const struct row *row, const struct target *t, struct route_match *out)
{
    out->route = row->route;
    for (size_t i = 0; i < row->n; i++) {
        const struct segment *s = &row->segments[i];

        if (s->kind == SEGMENT_LITERAL)
            continue;
        out->names[out->n_params] = s->text;
        out->name_lens[out->n_params] = s->len;
        out->values[out->n_params] = s->kind == SEGMENT_REST ? t->rests[i] : t->segments[i];
        out->n_params++;
    }
}

/* How well a row's method answers the one that was asked for; 0: not at all. */
enum { METHOD_ANY = 1, METHOD_STANDS_IN, METHOD_SAME, METHOD_GRADES };

static int method_grade(const char *row, const char *asked)
{
    if (strcmp(row, asked) == 0)
        return METHOD_SAME;
    if (strcmp(row, "GET") == 0 && strcmp(asked, "HEAD") == 0)
        return METHOD_STANDS_IN;
    return strcmp(row, "*") == 0 ? METHOD_ANY : 0;
}

static void match_note(const struct row *row, struct route_match *out)
{
    const char *method = row->route->method;

    out->method_override |= row->route->method_override;
    if (strcmp(method, "*") != 0)
        allow_add(out->allow, method);
    if (strcmp(method, "GET") == 0)
        allow_add(out->allow, "HEAD");
}

enum route_outcome router_find(const struct router *r, const char *method,
                               const struct target *target, struct route_match *out)
{
    const struct row *best[METHOD_GRADES] = {NULL};
    bool known = false;

    *out = (struct route_match){.route = NULL};
    for (size_t i = 0; i < r->n; i++) {
        const struct row *row = &r->rows[i];
        int grade;

        if (!row_fits(row, target))
            continue;
        known = true;
        match_note(row, out);
        grade = method_grade(row->route->method, method);
        if (best[grade] == NULL || row_closer(row, best[grade]))
            best[grade] = row;
    }
    for (int grade = METHOD_SAME; grade >= METHOD_ANY; grade--) {
        if (best[grade] == NULL)
            continue;
        match_fill(best[grade], target, out);
        return ROUTE_FOUND;
    }
    return known ? ROUTE_WRONG_METHOD : ROUTE_UNKNOWN;
}
