/* The bounded HTTPS client: one libcurl handle a call, nothing kept between calls.
 *
 * Invariants: certificates and host names are verified in every call; a given ca_file is the
 * only trust (the system's folder of certificates is switched off with it); a redirect is
 * followed for GET only, REDIRECTS_MAX times and within the scheme of the first address; no
 * proxy is taken from the environment; answer, headers, connection and whole call each have a
 * limit. */
#include "gateway/base/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

enum { REDIRECTS_MAX = 3, ANSWER_HEADERS_MAX = 64 * 1024 };

struct call {
    struct buf *out;
    enum err failed; /* of a callback: why libcurl was told to stop */
    size_t header_bytes;
    long max_age;
};

static pthread_once_t started = PTHREAD_ONCE_INIT;
static CURLcode start_result;

static void start(void)
{
    start_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum err http_client_init(void)
{
    pthread_once(&started, start);
    if (start_result != CURLE_OK)
        return err_set(ERR_UNAVAILABLE, "libcurl: %s", curl_easy_strerror(start_result));
    return ERR_OK;
}

/* The host of a plain URL is this machine; only the port may follow it. */
static bool loopback_authority(const char *authority, size_t len)
{
    static const char *const names[] = {"localhost", "[::1]", "127.0.0.1"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i]);
        size_t port = n + 1;

        if (len < n || strncasecmp(authority, names[i], n) != 0)
            continue;
        if (len == n)
            return true;
        if (authority[n] != ':')
            continue;
        while (port < len && authority[port] >= '0' && authority[port] <= '9')
            port++;
        return port == len;
    }
    return false;
}

enum err http_url_check(const char *url, bool allow_plain)
{
    static const char secure[] = "https://", plain[] = "http://";
    const char *authority;

    if (strncasecmp(url, secure, strlen(secure)) == 0)
        return ERR_OK;
    if (!allow_plain || strncasecmp(url, plain, strlen(plain)) != 0)
        return err_set(ERR_INVALID, "the URL is not https");
    authority = url + strlen(plain);
    if (!loopback_authority(authority, strcspn(authority, "/?#")))
        return err_set(ERR_INVALID, "plain http is for loopback only");
    return ERR_OK;
}

static void curl_handle_free(CURL *handle)
{
    curl_easy_cleanup(handle);
}
DEFINE_AUTO(CURL, curl_handle_free);
DEFINE_AUTO(struct curl_slist, curl_slist_free_all);

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct call *c = user;

    c->failed = buf_append(c->out, data, size * n);
    return c->failed == ERR_OK ? size * n : 0;
}

static bool starts_with(const char *text, size_t len, const char *prefix)
{
    size_t n = strlen(prefix);

    return len >= n && strncasecmp(text, prefix, n) == 0;
}

/* max-age among the comma-separated directives of a Cache-Control value; -1 if it is not there.
 */
static long parse_max_age(const char *value, size_t len)
{
    const char *end = value + len;

    while (value < end) {
        const char *comma = memchr(value, ',', (size_t)(end - value));
        const char *stop = comma == NULL ? end : comma;
        long seconds = 0;

        while (value < stop && (*value == ' ' || *value == '\t'))
            value++;
        if (starts_with(value, (size_t)(stop - value), "max-age=")) {
            value += strlen("max-age=");
            if (value == stop || *value < '0' || *value > '9')
                return -1;
            for (; value < stop && *value >= '0' && *value <= '9'; value++) {
                if (seconds < INT32_MAX / 10)
                    seconds = seconds * 10 + (*value - '0');
            }
            return seconds;
        }
        value = comma == NULL ? end : comma + 1;
    }
    return -1;
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
    static const char cache_control[] = "Cache-Control:";
    struct call *c = user;
    size_t len = size * n;

    c->header_bytes += len;
    if (c->header_bytes > ANSWER_HEADERS_MAX) {
        c->failed = err_set(ERR_TOO_LARGE, "the answer's headers are too large");
        return 0;
    }
    if (starts_with(data, len, "HTTP/"))
        c->max_age = -1; /* a new answer: what stood in an interim one or a redirect is void */
    else if (starts_with(data, len, cache_control) && c->max_age < 0)
        c->max_age = parse_max_age(data + strlen(cache_control), len - strlen(cache_control));
    return len;
}

static MUST_USE enum err add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*list, line);

    if (grown == NULL)
        return ERR_NOMEM;
    *list = grown;
    return ERR_OK;
}

static MUST_USE enum err make_headers(const struct http_fetch *rq, struct curl_slist **out)
{
    AUTO(curl_slist_free_all) struct curl_slist *list = NULL;
    bool typed = false;

    TRY(add_header(&list, "Expect:"));
    for (size_t i = 0; rq->headers != NULL && rq->headers[i] != NULL; i++) {
        if (strpbrk(rq->headers[i], "\r\n") != NULL)
            return err_set(ERR_INVALID, "a line break in a request header");
        typed = typed || starts_with(rq->headers[i], strlen(rq->headers[i]), "Content-Type:");
        TRY(add_header(&list, rq->headers[i]));
    }
    if (!typed) /* else libcurl would claim an HTML form */
        TRY(add_header(&list, "Content-Type:"));
    *out = TAKE(list);
    return ERR_OK;
}

/* Each option of this build of libcurl is known to exist: only memory can fail. */
#define SET(handle, option, value)                                                             \
    do {                                                                                       \
        CURLcode set_rc_ = curl_easy_setopt((handle), (option), (value));                      \
        if (set_rc_ != CURLE_OK)                                                               \
            return err_set(set_rc_ == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_UNAVAILABLE,       \
                           "libcurl: %s", curl_easy_strerror(set_rc_));                        \
    } while (0)

static MUST_USE enum err set_target(CURL *h, const struct http_fetch *rq)
{
    const char *method = rq->method == NULL ? "GET" : rq->method;
    bool plain = rq->allow_plain && starts_with(rq->url, strlen(rq->url), "http:");
    bool get = strcmp(method, "GET") == 0;

    SET(h, CURLOPT_URL, rq->url);
    SET(h, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    SET(h, CURLOPT_REDIR_PROTOCOLS_STR, plain ? "http" : "https");
    SET(h, CURLOPT_FOLLOWLOCATION, get ? 1L : 0L);
    SET(h, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(h, CURLOPT_PROXY, "");
    if (strcmp(method, "HEAD") == 0) {
        SET(h, CURLOPT_NOBODY, 1L);
    } else if (!get) {
        SET(h, CURLOPT_POSTFIELDS, rq->body == NULL ? "" : rq->body);
        SET(h, CURLOPT_POSTFIELDSIZE_LARGE,
            rq->body == NULL ? (curl_off_t)0 : (curl_off_t)rq->body_len);
        SET(h, CURLOPT_CUSTOMREQUEST, method);
    }
    return ERR_OK;
}

static MUST_USE enum err set_limits(CURL *h, const struct http_fetch *rq, struct call *c)
{
    SET(h, CURLOPT_NOSIGNAL, 1L);
    SET(h, CURLOPT_CONNECTTIMEOUT_MS, (long)rq->connect_timeout_ms);
    SET(h, CURLOPT_TIMEOUT_MS, (long)rq->total_timeout_ms);
    SET(h, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->out->max);
    SET(h, CURLOPT_WRITEFUNCTION, on_body);
    SET(h, CURLOPT_WRITEDATA, c);
    SET(h, CURLOPT_HEADERFUNCTION, on_header);
    SET(h, CURLOPT_HEADERDATA, c);
    SET(h, CURLOPT_USERAGENT, "evidence-gateway/" EG_VERSION);
    return ERR_OK;
}

static MUST_USE enum err set_trust(CURL *h, const struct http_fetch *rq)
{
    SET(h, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(h, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (rq->ca_file != NULL) {
        SET(h, CURLOPT_CAINFO, rq->ca_file);
        SET(h, CURLOPT_CAPATH, NULL);
    }
    return ERR_OK;
}

static MUST_USE enum err outcome(CURLcode rc, const struct call *c, const char *words)
{
    if (rc == CURLE_OK)
        return ERR_OK;
    if (c->failed != ERR_OK)
        return c->failed;
    if (words[0] == '\0')
        words = curl_easy_strerror(rc);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return err_set(ERR_TIMEOUT, "fetch: %s", words);
    if (rc == CURLE_FILESIZE_EXCEEDED)
        return err_set(ERR_TOO_LARGE, "the answer has more than %zu bytes", c->out->max);
    if (rc == CURLE_OUT_OF_MEMORY)
        return ERR_NOMEM;
    return err_set(ERR_UNAVAILABLE, "fetch: %s", words);
}

enum err http_client_fetch(const struct http_fetch *rq, struct buf *out, long *status,
                           long *max_age)
{
    char words[CURL_ERROR_SIZE] = "";
    struct call c = {.out = out, .max_age = -1};
    AUTO(curl_handle_free) CURL *h = curl_easy_init();
    AUTO(curl_slist_free_all) struct curl_slist *headers = NULL;
    enum err e;

    assert(rq->url != NULL && rq->connect_timeout_ms > 0 && rq->total_timeout_ms > 0);
    if (h == NULL)
        return ERR_NOMEM;
    buf_reset(out);
    TRY(make_headers(rq, &headers));
    SET(h, CURLOPT_HTTPHEADER, headers);
    SET(h, CURLOPT_ERRORBUFFER, words);
    TRY(set_target(h, rq));
    TRY(set_limits(h, rq, &c));
    TRY(set_trust(h, rq));
    e = outcome(curl_easy_perform(h), &c, words);
    if (e != ERR_OK) {
        buf_reset(out);
        return e;
    }
    *status = 0;
    (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, status);
    *max_age = c.max_age;
    return ERR_OK;
}
