/* What goes out: remembered in the exchange first (it may have to wait for a body to be read
 * away), turned into the library's response when it is queued.
 *
 * Invariants: one reply an exchange; every reply carries the protective headers unless the
 * route set its own; without memory for a reply, a stand-in made at start goes out. */
#include "gateway/http/cors.h"
#include "gateway/http/exchange_private.h"

#include "gateway/base/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct reply_default {
    const char *name, *value;
    bool tls_only;
} reply_defaults[] = {
    {"X-Content-Type-Options", "nosniff", false},
    {"Cache-Control", "no-store", false},
    {"Referrer-Policy", "no-referrer", false},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'", false},
    {"Strict-Transport-Security", "max-age=31536000", true},
};

static const char no_memory_text[] =
    "{\"type\":\"/problems/try-again\",\"title\":\"Try again\",\"status\":503,"
    "\"detail\":\"The service is short of memory.\"}";

enum err reply_no_memory_new(struct MHD_Response **out)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        sizeof(no_memory_text) - 1, (void *)(uintptr_t)no_memory_text, MHD_RESPMEM_PERSISTENT);

    *out = r;
    if (r == NULL ||
        MHD_add_response_header(r, "Content-Type", "application/problem+json") != MHD_YES ||
        MHD_add_response_header(r, "Cache-Control", "no-store") != MHD_YES ||
        MHD_add_response_header(r, "X-Content-Type-Options", "nosniff") != MHD_YES ||
        MHD_add_response_header(r, "Retry-After", "5") != MHD_YES ||
        MHD_add_response_header(r, "Connection", "close") != MHD_YES)
        return err_set(ERR_NOMEM, "no memory for the stand-in reply");
    return ERR_OK;
}

/* ---- remembering ---- */

bool http_replied(const struct http_exchange *x)
{
    return x->reply.status != 0;
}

int http_reply_status(const struct http_exchange *x)
{
    return x->reply.status;
}

static void reply_begin(struct http_exchange *x, int status)
{
    assert(x->reply.status == 0 && "the first reply stands");
    assert(status >= 200 && status <= 599);
    x->reply.status = status;
}

void http_reply_header(struct http_exchange *x, const char *name, const char *value)
{
    struct reply *r = &x->reply;
    struct reply_header *h;

    assert(r->n_headers < HTTP_REPLY_HEADERS_MAX);
    assert(strpbrk(value, "\r\n") == NULL && strpbrk(name, "\r\n: ") == NULL);
    assert(x->stage != STAGE_QUEUED);
    h = &r->headers[r->n_headers];
    h->name = strdup(name);
    h->value = strdup(value);
    if (h->name == NULL || h->value == NULL)
        r->broken = true;
    r->n_headers++; /* counted even so: reply_clear frees both */
}

void http_reply_empty(struct http_exchange *x, int status)
{
    reply_begin(x, status);
    x->reply.kind = REPLY_BYTES;
}

void http_reply_bytes(struct http_exchange *x, int status, const char *media_type,
                      const void *data, size_t len)
{
    reply_begin(x, status);
    x->reply.kind = REPLY_BYTES;
    http_reply_header(x, "Content-Type", media_type);
    if (len == 0)
        return;
    x->reply.bytes = malloc(len);
    if (x->reply.bytes == NULL) {
        x->reply.broken = true;
        return;
    }
    memcpy(x->reply.bytes, data, len);
    x->reply.len = len;
}

static void reply_document(struct http_exchange *x, int status, const char *media_type,
                           json_t *body)
{
    char *text = NULL;
    size_t len = 0;

    reply_begin(x, status);
    x->reply.kind = REPLY_BYTES;
    http_reply_header(x, "Content-Type", media_type);
    if (body == NULL || json_text(body, &text, &len) != ERR_OK)
        x->reply.broken = true;
    x->reply.bytes = text;
    x->reply.len = len;
    json_decref(body);
}

void http_reply_json(struct http_exchange *x, int status, json_t *body)
{
    reply_document(x, status, "application/json", body);
}

void http_reply_problem(struct http_exchange *x, int status, const char *name,
                        const char *title, const char *detail, json_t *more)
{
    json_t *body = json_pack("{s:o, s:s, s:i, s:s}", "type", json_sprintf("/problems/%s", name),
                             "title", title, "status", status, "detail", detail);

    if (body != NULL && more != NULL && json_object_update(body, more) != 0) {
        json_decref(body);
        body = NULL;
    }
    json_decref(more);
    reply_document(x, status, "application/problem+json", body);
}

void http_reply_stream(struct http_exchange *x, int status, const char *media_type,
                       int64_t length, const struct http_source *source)
{
    struct reply_stream *stream = malloc(sizeof(*stream));

    assert(length >= -1 && source->read != NULL);
    reply_begin(x, status);
    x->reply.kind = REPLY_STREAM;
    http_reply_header(x, "Content-Type", media_type);
    if (stream == NULL) {
        x->reply.broken = true;
        if (source->release != NULL)
            source->release(source->ctx);
        return;
    }
    *stream = (struct reply_stream){.source = *source, .x = x, .in_response = false};
    x->reply.stream = stream;
    x->reply.stream_length = length;
}

void http_reply_close(struct http_exchange *x)
{
    x->reply.close = true;
}

/* ---- sending ---- */

static ssize_t stream_read(void *cls, uint64_t at, char *out, size_t cap)
{
    struct reply_stream *stream = cls;
    struct http_exchange *x = stream->x;
    ssize_t n;

    assert(x != NULL);
    conn_busy_set(x->conn, true);
    n = stream->source.read(stream->source.ctx, at, out, cap);
    conn_busy_set(x->conn, false);
    assert(n < 0 || (size_t)n <= cap);
    if (n > 0)
        x->out += (uint64_t)n;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The response may be destroyed before or after the exchange ends. */
static void stream_free(void *cls)
{
    struct reply_stream *stream = cls;

    if (stream->x != NULL)
        stream->x->reply.stream = NULL;
    if (stream->x != NULL && stream->source.release != NULL)
        stream->source.release(stream->source.ctx);
    free(stream);
}

static struct MHD_Response *response_stream(struct http_exchange *x)
{
    struct reply *r = &x->reply;
    uint64_t size = r->stream_length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)r->stream_length;
    struct MHD_Response *out = MHD_create_response_from_callback(
        size, HTTP_STREAM_BLOCK, stream_read, r->stream, stream_free);

    r->stream->in_response = out != NULL;
    return out;
}

static struct MHD_Response *response_bytes(struct http_exchange *x)
{
    struct reply *r = &x->reply;
    struct MHD_Response *out;

    if (r->len == 0)
        return MHD_create_response_from_buffer(0, (void *)(uintptr_t) "",
                                               MHD_RESPMEM_PERSISTENT);
    out = MHD_create_response_from_buffer(r->len, r->bytes, MHD_RESPMEM_MUST_FREE);
    if (out != NULL) {
        x->out += http_is_head(x) ? 0 : r->len;
        r->bytes = NULL; /* the response's now */
    }
    return out;
}

static bool has_header(const struct reply *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return true;
    return false;
}

static bool headers_add(const struct http_exchange *x, struct MHD_Response *response)
{
    const struct reply *r = &x->reply;

    for (size_t i = 0; i < r->n_headers; i++)
        if (MHD_add_response_header(response, r->headers[i].name, r->headers[i].value) !=
            MHD_YES)
            return false;
    for (size_t i = 0; i < ARRAY_LEN(reply_defaults); i++) {
        const struct reply_default *d = &reply_defaults[i];

        if ((d->tls_only && x->server->tls == NULL) || has_header(r, d->name))
            continue;
        if (MHD_add_response_header(response, d->name, d->value) != MHD_YES)
            return false;
    }
    if (!cors_headers_add(x, response))
        return false;
    return !r->close || MHD_add_response_header(response, "Connection", "close") == MHD_YES;
}

static struct MHD_Response *response_new(struct http_exchange *x)
{
    struct MHD_Response *response = NULL;

    if (!x->reply.broken)
        response = x->reply.kind == REPLY_STREAM ? response_stream(x) : response_bytes(x);
    if (response != NULL && !headers_add(x, response)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    return response;
}

enum MHD_Result reply_queue(struct http_exchange *x)
{
    struct MHD_Response *response;
    enum MHD_Result queued;

    assert(x->reply.status != 0);
    /* A chunked body's line ends are not ours to check: nothing may follow it on this
     * connection. */
    if (atomic_load(&x->server->draining) || (x->facts.chunked && x->server->parses_in_place))
        x->reply.close = true;
    response = response_new(x);
    x->stage = STAGE_QUEUED;
    conn_phase_set(x->conn, CONN_REPLY);
    if (response != NULL) {
        queued = MHD_queue_response(x->mhd, (unsigned)x->reply.status, response);
        MHD_destroy_response(response);
        return queued;
    }
    log_event(LOG_WARN, "http.no_memory_for_reply", log_int("status", x->reply.status));
    x->reply.status = MHD_HTTP_SERVICE_UNAVAILABLE;
    return MHD_queue_response(x->mhd, MHD_HTTP_SERVICE_UNAVAILABLE, x->server->no_memory);
}

void reply_clear(struct http_exchange *x)
{
    struct reply *r = &x->reply;
    struct reply_stream *stream = r->stream;

    for (size_t i = 0; i < r->n_headers; i++) {
        free(r->headers[i].name);
        free(r->headers[i].value);
    }
    r->n_headers = 0;
    free(TAKE(r->bytes));
    if (stream == NULL)
        return;
    r->stream = NULL;
    stream->x = NULL;
    if (stream->source.release != NULL)
        stream->source.release(stream->source.ctx);
    if (!stream->in_response)
        free(stream);
}
