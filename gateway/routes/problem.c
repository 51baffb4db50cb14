/* Errors as RFC 9457 problems: one table from the domain's refusals to statuses, and the page
 * that each `type` leads to. */
#include "gateway/base/log.h"
#include "gateway/routes/api.h"

#include <stdio.h>
#include <string.h>

static const int STATUS[REFUSAL_COUNT] = {
    [REFUSAL_NOT_FOUND] = 404,
    [REFUSAL_CLAIM_NOT_FOUND] = 404,
    [REFUSAL_NOT_PERMITTED] = 403,
    [REFUSAL_INVALID_REQUEST] = 400,
    [REFUSAL_PURPOSE_REQUIRED] = 400,
    [REFUSAL_NOT_AVAILABLE] = 409,
    [REFUSAL_FILE_EMPTY] = 400,
    [REFUSAL_DIGEST_MISMATCH] = 400,
    [REFUSAL_FILE_TOO_LARGE] = 413,
    [REFUSAL_TYPE_NOT_ALLOWED] = 415,
    [REFUSAL_PASSWORD_PROTECTED] = 422,
    [REFUSAL_WRONG_PASSWORD] = 422,
    [REFUSAL_CONTAINS_VIRUS] = 422,
    [REFUSAL_UNREADABLE_FILE] = 422,
    [REFUSAL_RECORDING_OPTED_OUT] = 409,
    [REFUSAL_RECORDING_NO_NOTICE] = 409,
    [REFUSAL_QUOTA_EXCEEDED] = 429,
    [REFUSAL_STORAGE_FULL] = 507,
    [REFUSAL_TRY_AGAIN] = 503,
    [REFUSAL_CONFLICT] = 409,
    [REFUSAL_KEY_REUSED] = 422,
    [REFUSAL_KEY_BUSY] = 409,
    [REFUSAL_UPLOAD_GONE] = 410,
    [REFUSAL_OFFSET_MISMATCH] = 409,
    [REFUSAL_UPLOAD_FINAL] = 403,
    [REFUSAL_UPLOAD_LOCKED] = 423,
    [REFUSAL_REQUEST_CLOSED] = 409,
    [REFUSAL_CLAIM_LEASED] = 423,
    [REFUSAL_INTAKE_ONLY] = 503,
};

/* "Try again" is told to readers, too, who have uploaded nothing. */
static const char *words_for(const struct http_exchange *x, enum refusal r)
{
    bool reads = strcmp(http_method(x), "GET") == 0 || http_is_head(x);
    return r == REFUSAL_TRY_AGAIN && reads ? "This cannot be shown just now - try again"
                                           : refusal_words(r);
}

/* What the world did, as the nearest refusal; a fault of ours tells nothing of itself but goes
 * to the log. */
static enum refusal refusal_for(enum err e)
{
    if (e == ERR_INVALID)
        return REFUSAL_INVALID_REQUEST;
    if (e == ERR_TOO_LARGE)
        return REFUSAL_FILE_TOO_LARGE;
    if (e == ERR_NO_SPACE)
        return REFUSAL_STORAGE_FULL;
    if (e == ERR_BUSY || e == ERR_UNAVAILABLE || e == ERR_TIMEOUT || e == ERR_NOMEM)
        return REFUSAL_TRY_AGAIN;
    return REFUSAL_NONE;
}

static void trouble_fill(struct http_exchange *x, enum refusal r, const char *detail,
                         struct api_trouble *out)
{
    assert(r > REFUSAL_NONE && r < REFUSAL_COUNT);
    out->status = STATUS[r];
    out->name = refusal_name(r);
    out->title = words_for(x, r);
    (void)snprintf(out->detail, sizeof(out->detail), "%s", detail);
}

void api_trouble_of(struct http_exchange *x, enum err e, struct api_trouble *out)
{
    assert(e != ERR_OK);
    if (e == ERR_REFUSED) {
        trouble_fill(x, (enum refusal)err_detail(e), err_message(e), out);
        return;
    }
    enum refusal r = refusal_for(e);
    /* What a caller can bring about at will is a warning: those are rate-capped. */
    if (e != ERR_INVALID && e != ERR_TOO_LARGE)
        log_event(r != REFUSAL_NONE ? LOG_WARN : LOG_ERROR, "request.failed",
                  log_str("route", http_route_of(x)->name), log_err(e));
    if (r != REFUSAL_NONE) {
        trouble_fill(x, r, e == ERR_INVALID ? err_message(e) : words_for(x, r), out);
        return;
    }
    *out = (struct api_trouble){.status = 500,
                                .name = "internal",
                                .title = "Something went wrong here",
                                .detail = "The fault is ours and has been logged"};
}

json_t *api_trouble_json(const struct api_trouble *t)
{
    char type[64];
    json_t *o = json_object();
    (void)snprintf(type, sizeof(type), "/problems/%s", t->name);
    json_put_text(o, "type", type);
    json_put_text(o, "title", t->title);
    json_put_int(o, "status", t->status);
    json_put_text(o, "detail", t->detail);
    return o;
}

void api_trouble_reply(struct http_exchange *x, const struct api_trouble *t, json_t *more)
{
    if (t->status == 503)
        http_reply_header(x, "Retry-After", "5");
    http_reply_problem(x, t->status, t->name, t->title, t->detail, more);
}

void api_problem(struct http_exchange *x, enum err e)
{
    struct api_trouble t;
    api_trouble_of(x, e, &t);
    api_trouble_reply(x, &t, NULL);
}

/* --- the pages ---------------------------------------------------------------------------- */

static void page_reply(struct http_exchange *x, const char *name, const char *words, int status)
{
    AUTO_CLEAR(buf_clear) struct buf page;
    buf_init(&page, 4096);
    enum err e =
        buf_printf(&page,
                   "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\">"
                   "<title>%s</title></head>\n<body><main><h1>%s</h1>\n"
                   "<p>Problem type <code>/problems/%s</code>, answered with status %d.</p>"
                   "</main></body></html>\n",
                   words, words, name, status);
    if (e == ERR_OK)
        http_reply_bytes(x, 200, "text/html; charset=utf-8", page.data, page.len);
    else
        api_problem(x, e);
}

/* Problem types that are the front's own, not the domain's. */
static const struct {
    const char *name, *words;
    int status;
} OTHERS[] = {
    {"internal", "Something went wrong here", 500},
    {"unauthenticated", "Sign in to do this", 401},
    {"insufficient-scope", "Your sign-in does not cover this", 403},
    {"bad-request", "The request is malformed", 400},
    {"unexpected-body", "This request carries no body", 400},
    {"body-too-large", "The request is too large", 413},
    {"method-not-allowed", "This cannot be done here", 405},
    {"head-too-large", "The request's head is too large", 431},
    {"token-expired", "Sign in again, then go on with the upload", 423},
    {"unsupported-version", "This version of the protocol is not spoken here", 412},
    {"checksum-mismatch", "What arrived is not what was described - send it again", 460},
};

void problem_page_handle(struct http_exchange *x)
{
    const char *name = http_param(x, "name");
    for (enum refusal r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++) {
        if (strcmp(refusal_name(r), name) == 0) {
            page_reply(x, refusal_name(r), refusal_words(r), STATUS[r]);
            return;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        if (strcmp(OTHERS[i].name, name) == 0) {
            page_reply(x, OTHERS[i].name, OTHERS[i].words, OTHERS[i].status);
            return;
        }
    }
    api_problem(x, refuse(REFUSAL_NOT_FOUND));
}
