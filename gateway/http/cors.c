/* The CORS protocol. Invariants: an origin is told back only if it is configured; every reply
 * that could differ by origin says so (Vary), or a shared cache would show one origin's answer
 * to another. */
#include "gateway/http/cors.h"

#include <string.h>

/* What a page may send beyond the few fields that need no asking. */
static const char request_fields[] =
    "Authorization, Content-Type, Content-Disposition, Content-Digest, Repr-Digest, "
    "Idempotency-Key, If-None-Match, If-Range, Range, Want-Repr-Digest, X-Request-ID, "
    "X-HTTP-Method-Override, "
    /* tus 1.0.0 */
    "Tus-Resumable, Upload-Length, Upload-Defer-Length, Upload-Offset, Upload-Metadata, "
    "Upload-Checksum, Upload-Concat, "
    /* resumable uploads of the IETF */
    "Upload-Complete, Upload-Draft-Interop-Version";

/* What it may read of an answer, likewise. */
static const char reply_fields[] =
    "Accept-Patch, Accept-Ranges, Allow, Content-Disposition, Content-Range, ETag, Link, "
    "Location, Repr-Digest, Retry-After, WWW-Authenticate, "
    "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, "
    "Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Concat, "
    "Upload-Expires, "
    "Upload-Complete, Upload-Limit";

/* A permission that was taken back is not used for longer than this, in seconds. */
static const char preflight_age[] = "600";

static bool has_origins(const struct http_exchange *x)
{
    return x->server->config.cors_origins != NULL && *x->server->config.cors_origins != '\0';
}

/* The request's origin if it is, to the letter, one of the configuration's; else NULL. */
static const char *listed_origin(const struct http_exchange *x)
{
    const char *origin = http_header(x, "Origin"), *word = x->server->config.cors_origins;
    size_t len;

    if (!has_origins(x) || origin == NULL || http_header_count(x, "Origin") != 1)
        return NULL;
    len = strlen(origin);
    for (;; word += strcspn(word, " ") + 1) {
        size_t length = strcspn(word, " ");

        if (length == len && len > 0 && memcmp(word, origin, len) == 0)
            return origin;
        if (word[length] == '\0')
            return NULL;
    }
}

bool cors_preflight(struct http_exchange *x, enum route_outcome outcome)
{
    if (strcmp(http_method(x), "OPTIONS") != 0 || outcome == ROUTE_UNKNOWN ||
        http_header(x, "Access-Control-Request-Method") == NULL || listed_origin(x) == NULL)
        return false;
    http_reply_header(x, "Access-Control-Allow-Methods", http_allow(x));
    http_reply_header(x, "Access-Control-Allow-Headers", request_fields);
    http_reply_header(x, "Access-Control-Max-Age", preflight_age);
    http_reply_empty(x, MHD_HTTP_NO_CONTENT);
    return true;
}

bool cors_headers_add(const struct http_exchange *x, struct MHD_Response *response)
{
    const char *origin = listed_origin(x);

    if (!has_origins(x))
        return true;
    if (MHD_add_response_header(response, "Vary", "Origin") != MHD_YES)
        return false;
    return origin == NULL || (MHD_add_response_header(response, "Access-Control-Allow-Origin",
                                                      origin) == MHD_YES &&
                              MHD_add_response_header(response, "Access-Control-Expose-Headers",
                                                      reply_fields) == MHD_YES);
}
