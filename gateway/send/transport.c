/* One libcurl handle for all calls: what it keeps between them are connections alone.
 *
 * Invariants: peer and host name are verified in every call, and https is the only protocol; a
 * redirect is an answer like any other; lines of ours that hold a token are wiped; an answer,
 * its fields and every silence have a limit. Proxies are those of the environment: they see the
 * host and nothing else. */
#include "gateway/send/transport.h"

#include "gateway/base/clock.h"
#include "gateway/base/http_client.h"
#include "gateway/send/patience.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    CONNECT_SECONDS = 30,
    SILENCE_SECONDS = 60, /* no byte in either direction */
    ANSWER_FIELDS_MAX = 64 * 1024,
    PIECE_OF_BODY = 256 * 1024,
    NUMBER_DIGITS_MAX = 18
};

struct transport {
    CURL *curl;
    struct credentials who;
};

struct running {
    const struct call *call;
    struct answer *answer;
    uint64_t at;     /* of the body */
    enum err failed; /* of a callback: why libcurl was told to stop */
    struct err_info why;
    size_t field_bytes;
};

void answer_init(struct answer *a)
{
    memset(a, 0, sizeof(*a));
    buf_init(&a->body, ANSWER_BODY_MAX);
}

void answer_clear(struct answer *a)
{
    buf_clear(&a->body);
}

static void answer_reset(struct answer *a)
{
    a->status = 0;
    a->location[0] = '\0';
    a->challenged = false;
    a->offset = a->length = a->retry_after_ms = -1;
    buf_reset(&a->body);
}

enum err transport_new(const struct credentials *c, struct transport **out)
{
    AUTO(transport_free) struct transport *t = calloc(1, sizeof(*t));

    TRY(http_client_init());
    if (!t)
        return err_set(ERR_NOMEM, "a connection");
    t->who = *c;
    t->curl = curl_easy_init();
    if (!t->curl)
        return err_set(ERR_NOMEM, "a connection");
    *out = TAKE(t);
    return ERR_OK;
}

void transport_free(struct transport *t)
{
    if (!t)
        return;
    curl_easy_cleanup(t->curl);
    free(t);
}

/* --- the answer ----------------------------------------------------------------------------
 */

static void stop(struct running *r, enum err e)
{
    r->failed = e;
    err_save(e, &r->why);
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct running *r = user;

    if (buf_append(&r->answer->body, data, size * n) == ERR_OK)
        return size * n;
    stop(r, err_set(ERR_UNAVAILABLE, "the answer has more than %d bytes", ANSWER_BODY_MAX));
    return 0;
}

static int64_t number(const char *value)
{
    size_t digits = strspn(value, "0123456789");

    if (digits == 0 || digits > NUMBER_DIGITS_MAX || value[digits] != '\0')
        return -1;
    return strtoll(value, NULL, 10);
}

static void field(struct answer *a, const char *name, const char *value)
{
    if (strcasecmp(name, "Upload-Offset") == 0)
        a->offset = number(value);
    else if (strcasecmp(name, "Upload-Length") == 0)
        a->length = number(value);
    else if (strcasecmp(name, "Retry-After") == 0)
        a->retry_after_ms = retry_after_ms(value, clock_now_seconds());
    else if (strcasecmp(name, "WWW-Authenticate") == 0)
        a->challenged = true;
    else if (strcasecmp(name, "Location") == 0 && strlen(value) < sizeof(a->location))
        (void)snprintf(a->location, sizeof(a->location), "%s", value);
}

static size_t on_field(char *data, size_t size, size_t n, void *user)
{
    struct running *r = user;
    size_t len = size * n;
    char line[ADDRESS_MAX + 64];

    r->field_bytes += len;
    if (r->field_bytes > ANSWER_FIELDS_MAX) {
        stop(r, err_set(ERR_UNAVAILABLE, "the answer's head is too large"));
        return 0;
    }
    if (len >= sizeof(line))
        return len; /* none of ours is so long */
    memcpy(line, data, len);
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0) {
        answer_reset(r->answer); /* what stood in an interim one is void */
        return len;
    }
    char *colon = strchr(line, ':');
    if (colon) {
        char *value = colon + 1 + strspn(colon + 1, " \t");
        for (char *end = value + strlen(value); end > value && strchr(" \t", end[-1]); end--)
            end[-1] = '\0';
        *colon = '\0';
        field(r->answer, line, value);
    }
    return len;
}

/* --- the request ---------------------------------------------------------------------------
 */

static size_t on_read(char *out, size_t size, size_t n, void *user)
{
    struct running *r = user;
    uint64_t left = r->call->body_len - r->at;
    size_t cap = size * n, got = 0;

    if (left == 0)
        return 0;
    cap = left < cap ? (size_t)left : cap;
    enum err e = r->call->body(r->call->ctx, r->at, out, cap, &got);
    if (e != ERR_OK) {
        stop(r, e);
        return CURL_READFUNC_ABORT;
    }
    r->at += got;
    return got;
}

/* A kept connection that turned out to be dead: the body goes again from its start. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    struct running *r = user;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > r->call->body_len)
        return CURL_SEEKFUNC_CANTSEEK;
    r->at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Lines that may hold a token leave no copy behind. */
static void lines_wipe(struct curl_slist *list)
{
    for (struct curl_slist *l = list; l; l = l->next)
        sodium_memzero(l->data, strlen(l->data));
    curl_slist_free_all(list);
}
DEFINE_AUTO(struct curl_slist, lines_wipe);

static MUST_USE enum err line_add(struct curl_slist **list, const char *line)
{
    if (strpbrk(line, "\r\n"))
        return err_set(ERR_INVALID, "a line break in a header field");
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (!grown)
        return err_set(ERR_NOMEM, "header fields");
    *list = grown;
    return ERR_OK;
}

static MUST_USE enum err lines_make(struct transport *t, const struct call *c,
                                    struct curl_slist **out)
{
    AUTO(lines_wipe) struct curl_slist *list = NULL;
    AUTO_CLEAR(buf_clear) struct buf bearer;
    bool changed;

    for (size_t i = 0; c->headers[i]; i++)
        TRY(line_add(&list, c->headers[i]));
    TRY(token_read(t->who.token, &changed));
    buf_init_secret(&bearer, TOKEN_MAX + 64);
    if (t->who.token->text.len > 0) {
        TRY(buf_printf(&bearer, "Authorization: Bearer %s", buf_text(&t->who.token->text)));
        TRY(line_add(&list, buf_text(&bearer)));
    }
    *out = TAKE(list);
    return ERR_OK;
}

/* Each option of this build of libcurl is known to exist: only memory can fail. */
#define SET(handle, option, value)                                                             \
    do {                                                                                       \
        CURLcode set_rc_ = curl_easy_setopt((handle), (option), (value));                      \
        if (set_rc_ != CURLE_OK)                                                               \
            return err_set(ERR_NOMEM, "libcurl: %s", curl_easy_strerror(set_rc_));             \
    } while (0)

static MUST_USE enum err set_trust(CURL *h, const struct credentials *who)
{
    SET(h, CURLOPT_PROTOCOLS_STR, "https");
    SET(h, CURLOPT_FOLLOWLOCATION, 0L);
    SET(h, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(h, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (who->ca_file) {
        SET(h, CURLOPT_CAINFO, who->ca_file);
        SET(h, CURLOPT_CAPATH, NULL);
    }
    if (who->cert_file) {
        SET(h, CURLOPT_SSLCERT, who->cert_file);
        SET(h, CURLOPT_SSLKEY, who->key_file);
    }
    return ERR_OK;
}

static MUST_USE enum err set_limits(CURL *h)
{
    SET(h, CURLOPT_NOSIGNAL, 1L);
    SET(h, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    SET(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(h, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_SECONDS);
    SET(h, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(h, CURLOPT_UPLOAD_BUFFERSIZE, (long)PIECE_OF_BODY);
    SET(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(h, CURLOPT_USERAGENT, "evidence-send/" EG_VERSION);
    return ERR_OK;
}

static MUST_USE enum err set_request(CURL *h, const struct call *c, struct running *r)
{
    SET(h, CURLOPT_URL, c->url);
    SET(h, CURLOPT_WRITEFUNCTION, on_body);
    SET(h, CURLOPT_WRITEDATA, r);
    SET(h, CURLOPT_HEADERFUNCTION, on_field);
    SET(h, CURLOPT_HEADERDATA, r);
    if (strcmp(c->method, "HEAD") == 0) {
        SET(h, CURLOPT_NOBODY, 1L);
        return ERR_OK;
    }
    if (strcmp(c->method, "PATCH") == 0) {
        SET(h, CURLOPT_UPLOAD, 1L);
        SET(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)c->body_len);
        SET(h, CURLOPT_READFUNCTION, on_read);
        SET(h, CURLOPT_READDATA, r);
        SET(h, CURLOPT_SEEKFUNCTION, on_seek);
        SET(h, CURLOPT_SEEKDATA, r);
    } else if (strcmp(c->method, "POST") == 0) {
        SET(h, CURLOPT_POSTFIELDS, "");
        SET(h, CURLOPT_POSTFIELDSIZE, 0L);
    }
    SET(h, CURLOPT_CUSTOMREQUEST, c->method);
    return ERR_OK;
}

static MUST_USE enum err outcome(CURLcode rc, const struct running *r, const char *words)
{
    if (r->failed != ERR_OK)
        return err_restore(&r->why);
    if (rc == CURLE_OK)
        return ERR_OK;
    if (words[0] == '\0')
        words = curl_easy_strerror(rc);
    if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_ISSUER_ERROR)
        return err_set(ERR_UNAUTHENTICATED, "the service's certificate is not trusted: %s",
                       words);
    if (rc == CURLE_SSL_CERTPROBLEM || rc == CURLE_SSL_CACERT_BADFILE)
        return err_set(ERR_INVALID, "the files of --cert, --key or --ca: %s", words);
    if (rc == CURLE_OUT_OF_MEMORY)
        return err_set(ERR_NOMEM, "a request");
    return err_set(rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE, "%s", words);
}

enum err transport_call(struct transport *t, const struct call *c, struct answer *out)
{
    struct running r = {.call = c, .answer = out};
    char words[CURL_ERROR_SIZE] = "";
    AUTO(lines_wipe) struct curl_slist *lines = NULL;

    answer_reset(out);
    curl_easy_reset(t->curl);
    TRY(lines_make(t, c, &lines));
    SET(t->curl, CURLOPT_ERRORBUFFER, words);
    TRY(set_trust(t->curl, &t->who));
    TRY(set_limits(t->curl));
    TRY(set_request(t->curl, c, &r));
    SET(t->curl, CURLOPT_HTTPHEADER, lines);
    CURLcode rc = curl_easy_perform(t->curl);
    (void)curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, NULL); /* ours goes out of scope */
    (void)curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, NULL);
    TRY(outcome(rc, &r, words));
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &out->status);
    return ERR_OK;
}
