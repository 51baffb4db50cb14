/* GET and HEAD of an artefact's content: ranges, validators, digests, and the headers that keep
 * a browser from making anything of it. */
#include "gateway/base/encode.h"
#include "gateway/base/log.h"
#include "gateway/evidence/reading/retrieve.h"
#include "gateway/http/fields.h"
#include "gateway/routes/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ETAG_SIZE = 80, DISPOSITION_SIZE = 1200 };

static void put_headers(struct http_exchange *x, const struct artefact_record *a,
                        const char *etag)
{
    char digest[80], disposition[DISPOSITION_SIZE];
    field_digest_write(a->sha256, digest);
    if (!a->filename[0] ||
        field_disposition_write(a->filename, disposition, sizeof(disposition)) != ERR_OK)
        (void)snprintf(disposition, sizeof(disposition), "attachment");
    http_reply_header(x, "ETag", etag);
    if (field_digest_wanted(http_header(x, "Want-Repr-Digest")))
        http_reply_header(x, "Repr-Digest", digest);
    http_reply_header(x, "Content-Disposition", disposition);
    http_reply_header(x, "Accept-Ranges", "bytes");
    http_reply_header(x, "Content-Security-Policy", "sandbox; default-src 'none'");
    http_reply_header(x, "Cross-Origin-Resource-Policy", "same-origin");
}

struct delivery { /* what a streamed reply reads from */
    struct retrieval *retrieval;
    uint64_t first, length;
    char route[48];
};

static ssize_t delivery_read(void *ctx, uint64_t at, void *out, size_t cap)
{
    struct delivery *d = ctx;
    size_t len = 0;
    if (at >= d->length)
        return 0;
    if (cap > d->length - at)
        cap = (size_t)(d->length - at);
    enum err e = retrieve_read(d->retrieval, d->first + at, out, cap, &len);
    if (e != ERR_OK) {
        log_event(e == ERR_REFUSED ? LOG_INFO : LOG_ERROR, "content.cut", log_err(e));
        return -1;
    }
    return (ssize_t)len;
}

static void delivery_release(void *ctx)
{
    struct delivery *d = ctx;
    retrieve_free(d->retrieval);
    free(d);
}

/* Which bytes: the whole, or one range. Several ranges are answered with the whole, as RFC 9110
 * permits. */
static enum range_outcome range_wanted(struct http_exchange *x, const struct artefact_record *a,
                                       const char *etag, struct field_range *out)
{
    const char *range = http_header(x, "Range");
    const char *if_range = http_header(x, "If-Range");
    struct field_range ranges[FIELD_RANGES_MAX];
    size_t n = 0;
    *out = (struct field_range){.first = 0, .last = a->size - 1};
    if (!range || http_is_head(x) || (if_range && !field_if_range(if_range, etag)))
        return RANGE_NONE;
    enum range_outcome outcome = field_range_parse(range, a->size, ranges, &n);
    if (outcome != RANGE_OK || n != 1)
        return outcome == RANGE_OK ? RANGE_NONE : outcome;
    *out = ranges[0];
    return RANGE_OK;
}

static void reply_unsatisfiable(struct http_exchange *x, uint64_t size)
{
    char value[64];
    (void)snprintf(value, sizeof(value), "bytes */%" PRIu64, size);
    http_reply_header(x, "Content-Range", value);
    http_reply_empty(x, 416);
}

static enum err reply_bytes(struct http_exchange *x, struct retrieval **r,
                            const struct field_range *range, bool partial)
{
    const struct artefact_record *a = retrieve_artefact(*r);
    struct delivery *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(ERR_NOMEM, "delivery");
    d->retrieval = TAKE(*r);
    d->first = range->first;
    d->length = range->last - range->first + 1;
    if (partial) {
        char value[96];
        (void)snprintf(value, sizeof(value), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                       range->first, range->last, a->size);
        http_reply_header(x, "Content-Range", value);
    }
    struct http_source source = {.read = delivery_read, .release = delivery_release, .ctx = d};
    http_reply_stream(x, partial ? 206 : 200, a->media_type, (int64_t)d->length, &source);
    return ERR_OK;
}

static ssize_t never_read(void *ctx, uint64_t at, void *out, size_t cap)
{
    (void)ctx, (void)at, (void)out, (void)cap;
    return -1; /* the server leaves the body of an answer to HEAD out */
}

/* HEAD tells what GET would, reads nothing, and so opens no read session. */
static enum err reply_head(struct http_exchange *x, const struct artefact_record *a)
{
    static const struct http_source NOTHING = {.read = never_read};
    http_reply_stream(x, 200, a->media_type, (int64_t)a->size, &NOTHING);
    return ERR_OK;
}

static enum err reply_content(struct http_exchange *x, struct retrieval **r, const char *etag)
{
    struct field_range range;
    const struct artefact_record *a = retrieve_artefact(*r);
    enum range_outcome wanted = range_wanted(x, a, etag, &range);
    if (wanted == RANGE_UNSATISFIABLE) {
        reply_unsatisfiable(x, a->size);
        return ERR_OK;
    }
    TRY(retrieve_open(*r));
    put_headers(x, a, etag);
    return reply_bytes(x, r, &range, wanted == RANGE_OK);
}

static enum err content_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"purpose", NULL};
    const char *known = http_header(x, "If-None-Match");
    AUTO(retrieve_free) struct retrieval *r = NULL;
    enum purpose purpose;
    struct uuid id;
    TRY(api_query_known(x, KNOWN));
    TRY(api_id(x, "id", &id));
    TRY(api_purpose(x, &purpose));
    TRY(retrieve_prepare(api_of(x)->evidence, p, &id, purpose, &r));

    const struct artefact_record *a = retrieve_artefact(r);
    char hex[HEX_SIZE(32)], etag[ETAG_SIZE];
    hex_encode(a->sha256, sizeof(a->sha256), hex);
    (void)snprintf(etag, sizeof(etag), "\"%s\"", hex);
    if (known && field_etag_matches(known, etag)) {
        http_reply_header(x, "ETag", etag);
        http_reply_empty(x, 304);
        return ERR_OK;
    }
    if (http_is_head(x)) {
        put_headers(x, a, etag);
        return reply_head(x, a);
    }
    return reply_content(x, &r, etag);
}
const struct api_call ARTEFACT_CONTENT = {content_run};
