/* GET of a claim's bundle: a stream whose length nobody knows before, cut where it must not go
 * on. */
#include "gateway/evidence/bundles/bundle.h"
#include "gateway/base/log.h"
#include "gateway/routes/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZIP_TYPE "application/zip"

static ssize_t read_piece(void *ctx, uint64_t at, void *out, size_t cap)
{
    size_t len = 0;
    (void)at; /* a stream is read in order */
    enum err e = bundle_read(ctx, out, cap, &len);
    if (e != ERR_OK) {
        log_event(e == ERR_REFUSED ? LOG_INFO : LOG_ERROR, "bundle.stopped", log_err(e));
        return -1;
    }
    return (ssize_t)len;
}

static void release(void *ctx)
{
    bundle_free(ctx);
}

static ssize_t never_read(void *ctx, uint64_t at, void *out, size_t cap)
{
    (void)ctx, (void)at, (void)out, (void)cap;
    return -1; /* the server leaves the body of an answer to HEAD out */
}

/* items=<id>,<id>,... */
static enum err items_named(const char *text, struct uuid items[BUNDLE_SELECT_MAX], size_t *n)
{
    *n = 0;
    for (const char *at = text;; at++) {
        char id[UUID_TEXT_SIZE];
        size_t len = strcspn(at, ",");
        if (len != UUID_TEXT_SIZE - 1 || *n == BUNDLE_SELECT_MAX)
            return refuse_because(REFUSAL_INVALID_REQUEST,
                                  "items is a list of 1 to %d ids with commas between",
                                  BUNDLE_SELECT_MAX);
        memcpy(id, at, len);
        id[len] = 0;
        if (uuid_parse(id, &items[*n]) != ERR_OK)
            return refuse(REFUSAL_NOT_FOUND);
        (*n)++;
        at += len;
        if (!*at)
            return ERR_OK;
    }
}

static void put_headers(struct http_exchange *x, const struct uuid *claim)
{
    char id[UUID_TEXT_SIZE], disposition[96];
    uuid_format(claim, id);
    (void)snprintf(disposition, sizeof(disposition), "attachment; filename=\"evidence-%s.zip\"",
                   id);
    http_reply_header(x, "Content-Disposition", disposition);
    http_reply_header(x, "Content-Security-Policy", "sandbox; default-src 'none'");
    http_reply_header(x, "Cross-Origin-Resource-Policy", "same-origin");
}

static enum err reply(struct http_exchange *x, struct bundle **b, const struct uuid *claim)
{
    char id[UUID_TEXT_SIZE];
    if (http_is_head(x)) { /* tells what GET would, and opens nothing */
        static const struct http_source NOTHING = {.read = never_read};
        put_headers(x, claim);
        http_reply_stream(x, 200, ZIP_TYPE, -1, &NOTHING);
        return ERR_OK;
    }
    TRY(bundle_open(*b));
    put_headers(x, claim);
    uuid_format(bundle_id(*b), id);
    http_reply_header(x, "Evidence-Bundle", id);
    struct http_source source = {.read = read_piece, .release = release, .ctx = TAKE(*b)};
    http_reply_stream(x, 200, ZIP_TYPE, -1, &source);
    return ERR_OK;
}

static enum err bundle_run(struct http_exchange *x, const struct principal *p)
{
    static const char *const KNOWN[] = {"purpose", "items", NULL};
    const char *items = http_query(x, "items");
    AUTO_FREE struct uuid *named = calloc(BUNDLE_SELECT_MAX, sizeof(*named));
    AUTO(bundle_free) struct bundle *b = NULL;
    struct bundle_wish wish = {.stated = PURPOSE_NONE};
    if (!named)
        return err_set(ERR_NOMEM, "a bundle's items");
    TRY(api_query_known(x, KNOWN));
    TRY(api_id(x, "claim", &wish.claim));
    TRY(api_purpose(x, &wish.stated));
    if (items) {
        TRY(items_named(items, named, &wish.n_items));
        wish.items = named;
    }
    TRY(bundle_prepare(api_of(x)->evidence, p, &wish, &b));
    return reply(x, &b, &wish.claim);
}
const struct api_call CLAIM_BUNDLE = {bundle_run};
