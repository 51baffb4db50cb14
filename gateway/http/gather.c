/* Collects what libmicrohttpd parsed, in order and with duplicates, for the strict checks.
 *
 * Why from the pairs and not from a look-up by name: the look-up finds the first of two. */
#include "gateway/http/exchange_private.h"

struct gathering {
    struct head_field *fields;
    size_t n, max;
    bool full;
};

static enum MHD_Result gather_one(void *cls, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    struct gathering *g = cls;

    (void)kind;
    if (g->n == g->max) {
        g->full = true;
        return MHD_NO;
    }
    g->fields[g->n++] = (struct head_field){
        .name = name,
        .name_len = name_len,
        .value = value != NULL ? value : "",
        .value_len = value != NULL ? value_len : 0,
    };
    return MHD_YES;
}

size_t head_size(const struct http_exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return info != NULL ? info->header_size : 0;
}

enum err head_gather(struct http_exchange *x, const char *method, const char *version)
{
    struct gathering g = {.fields = x->head.fields, .max = HEAD_FIELDS_MAX};
    struct head_place place = {
        .target = x->raw_target_at, .target_len = x->raw_target_len, .size = head_size(x)};

    (void)MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, gather_one, &g);
    x->head.method = method;
    x->head.target = x->raw_target;
    x->head.version = version;
    x->head.n_fields = g.n;
    if (g.full)
        return err_set(ERR_TOO_LARGE, "more than %d header fields", HEAD_FIELDS_MAX);
    TRY(head_check(&x->head, &x->facts));
    return x->server->parses_in_place ? head_layout_check(&x->head, &place) : ERR_OK;
}

enum err trailers_gather(struct http_exchange *x)
{
    struct gathering g = {.fields = x->trailers, .max = TRAILERS_MAX};

    if (!x->facts.chunked)
        return ERR_OK;
    (void)MHD_get_connection_values_n(x->mhd, MHD_FOOTER_KIND, gather_one, &g);
    x->n_trailers = g.n;
    if (g.full)
        return err_set(ERR_INVALID, "more than %d trailer fields", TRAILERS_MAX);
    TRY(trailer_check(x->trailers, g.n));
    return x->server->parses_in_place ? trailer_layout_check(x->trailers, g.n) : ERR_OK;
}
