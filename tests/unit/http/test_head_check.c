#include "gateway/http/head_check.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

/* A head is written as "METHOD TARGET VERSION\nName: value\n..."; a value ends at the line's
 * end.
 * "\x01" in the text stands for a NUL, which C strings cannot hold. */
static char text[8192];
static struct head head;

static void head_from(const char *source)
{
    char *p = text, *line;

    ck_assert(strlen(source) < sizeof(text));
    strcpy(text, source);
    memset(&head, 0, sizeof(head));
    line = strsep(&p, "\n");
    head.method = strsep(&line, " ");
    head.target = strsep(&line, "\v");
    head.version = line != NULL ? line : "";
    while (p != NULL && *p != '\0') {
        struct head_field *f = &head.fields[head.n_fields++];

        line = strsep(&p, "\n");
        f->name = strsep(&line, ":");
        f->name_len = strlen(f->name);
        f->value = line + (*line == ' ');
        f->value_len = strlen(f->value);
    }
}

static enum err check(const char *source, struct head_facts *facts)
{
    head_from(source);
    return head_check(&head, facts);
}

#define GET "GET /\vHTTP/1.1\nHost: a.example\n"
#define POST "POST /\vHTTP/1.1\nHost: a.example\n"

START_TEST(plain_heads_pass)
{
    static const char *const good[] = {
        GET,
        "GET /\vHTTP/1.0\n",
        "OPTIONS *\vHTTP/1.1\nHost: [::1]:8443\n",
        GET "X-Empty:\nX-Tab: a\tb\nX-Latin: caf\xe9\n",
        GET "X-Twice: 1\nX-Twice: 2\nCookie: a=b\nCookie: c=d\n",
        "DELETE /a/b?c=d&e=%2F\vHTTP/1.1\nHost: a.example:8443\n",
    };
    struct head_facts facts;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert_msg(check(good[i], &facts) == ERR_OK, "%s", good[i]);
        ck_assert(!facts.chunked);
        ck_assert_int_eq(facts.content_length, -1);
    }
}
END_TEST

START_TEST(framing_is_read)
{
    struct head_facts facts;

    ck_assert_int_eq(check(POST "Content-Length: 0\n", &facts), ERR_OK);
    ck_assert_int_eq(facts.content_length, 0);
    ck_assert_int_eq(check(POST "content-length: 9223372036854775807\n", &facts), ERR_OK);
    ck_assert_int_eq(facts.content_length, INT64_MAX);
    ck_assert_int_eq(check(POST "Transfer-Encoding: chunked\n", &facts), ERR_OK);
    ck_assert(facts.chunked);
    ck_assert_int_eq(facts.content_length, -1);
}
END_TEST

START_TEST(ambiguous_heads_are_refused)
{
    static const char *const bad[] = {
        POST "Content-Length: 5\nTransfer-Encoding: chunked\n",
        POST "Content-Length: 5\nContent-Length: 6\n",
        POST "Content-Length: 5\nContent-Length: 5\n",
        POST "Content-Length : 5\n",
        POST "Content-Length: 5, 5\n",
        POST "Content-Length: -5\n",
        POST "Content-Length: +5\n",
        POST "Content-Length: 0x10\n",
        POST "Content-Length: 5 \n",
        POST "Content-Length:\n",
        POST "Content-Length: 18446744073709551616\n",
        POST "Content-Length: 9223372036854775808\n",
        POST "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n",
        POST "Transfer-Encoding: gzip, chunked\n",
        POST "Transfer-Encoding: chunked \n",
        POST "Transfer-Encoding: xchunked\n",
        POST "Transfer-Encoding: identity\n",
        POST "Transfer-Encoding:\n",
        "POST /\vHTTP/1.0\nHost: a\nTransfer-Encoding: chunked\n",
        GET "Host: b.example\n",
        GET "Authorization: Bearer a\nauthorization: Bearer b\n",
        GET "Content-Type: a/b\nContent-Type: c/d\n",
        GET "Range: bytes=0-1\nRange: bytes=2-3\n",
        GET "If-Range: \"a\"\nIf-Range: \"b\"\n",
        GET "Content-Range: bytes 0-1/2\nContent-Range: bytes 0-1/2\n",
        GET "Idempotency-Key: a\nIdempotency-Key: a\n",
        "GET /\vHTTP/1.1\n",
        "GET /\vHTTP/1.1\nHost: a b\n",
        "GET /\vHTTP/1.1\nHost: user@a\n",
        "GET /\vHTTP/1.1\nHost: a/b\n",
    };
    struct head_facts facts;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(check(bad[i], &facts) == ERR_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(stray_characters_are_refused)
{
    static const char *const bad[] = {
        GET "X Y: 1\n",
        GET "X\tY: 1\n",
        GET "X(Y): 1\n",
        GET "X\xc3\xa4: 1\n",
        GET ": nameless\n",
        GET "X: a\rb\n",
        GET "X: a\x7f\n",
        GET "X: a\x1b[31m\n",
        "GET /\x01\vHTTP/1.1\nHost: a\n",
        "GET /a b\vHTTP/1.1\nHost: a\n",
        "GET /a\xc3\xa4\vHTTP/1.1\nHost: a\n",
        "GET /a#b\vHTTP/1.1\nHost: a\n",
        "GET a\vHTTP/1.1\nHost: a\n",
        "GET *\vHTTP/1.1\nHost: a\n",
        "GET http://a/\vHTTP/1.1\nHost: a\n",
        "CONNECT a:443\vHTTP/1.1\nHost: a\n",
        "GET \vHTTP/1.1\nHost: a\n",
        "GE(T /\vHTTP/1.1\nHost: a\n",
        "GET /\vHTTP/1.2\nHost: a\n",
        "GET /\vHTTP/2.0\nHost: a\n",
        "GET /\v\nHost: a\n",
        "AMETHODTHATISLONGERTHANANYTHATISINUSE /\vHTTP/1.1\nHost: a\n",
    };
    struct head_facts facts;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(check(bad[i], &facts) == ERR_INVALID, "%s", bad[i]);
}
END_TEST

START_TEST(a_nul_inside_a_counted_value_is_seen)
{
    struct head_facts facts;

    head_from(GET "X: abc\n");
    head.fields[1].value = "a\0c";
    head.fields[1].value_len = 3;
    ck_assert_int_eq(head_check(&head, &facts), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "control character"));
}
END_TEST

START_TEST(trailers_may_not_authorise_or_frame)
{
    static const char *const bad[] = {"Authorization",
                                      "content-length",
                                      "Transfer-Encoding",
                                      "Host",
                                      "Cookie",
                                      "Content-Type",
                                      "b d",
                                      ""};
    struct head_field f = {.name = "Repr-Digest", .name_len = 11, .value = "x", .value_len = 1};

    ck_assert_int_eq(trailer_check(&f, 1), ERR_OK);
    ck_assert_int_eq(trailer_check(NULL, 0), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        f.name = bad[i];
        f.name_len = strlen(bad[i]);
        ck_assert_msg(trailer_check(&f, 1) == ERR_INVALID, "%s", bad[i]);
    }
    f = (struct head_field){.name = "X", .name_len = 1, .value = "a\nb", .value_len = 3};
    ck_assert_int_eq(trailer_check(&f, 1), ERR_INVALID);
}
END_TEST

/* Parses raw bytes in place as the library does: CRLF or LF become NULs, so does the colon. */
static enum err layout(const char *raw, size_t size)
{
    static char pool[1024];
    char *p = pool, *end = pool + size;
    struct head_place place = {.size = size};

    memset(pool, 'Z', sizeof(pool));
    memcpy(pool, raw, size);
    memset(&head, 0, sizeof(head));
    for (char *q = pool; q < end; q++)
        if (*q == '\n') {
            if (q > pool && q[-1] == '\r')
                q[-1] = '\0';
            *q = '\0';
        }
    head.method = p;
    p = strchr(p, ' ');
    *p++ = '\0';
    p += strspn(p, " ");
    place.target = p;
    p = strchr(p, ' ');
    *p++ = '\0';
    place.target_len = strlen(place.target);
    head.target = place.target;
    head.version = p;
    p += strlen(p);
    while (p < end) {
        struct head_field *f;

        p += (p + 1 < end && p[1] == '\0') ? 2 : 1;
        if (p >= end || *p == '\0')
            break;
        f = &head.fields[head.n_fields++];
        f->name = p;
        p = strchr(p, ':');
        *p++ = '\0';
        p += strspn(p, " \t");
        f->name_len = strlen(f->name);
        f->value = p;
        f->value_len = strlen(p);
        p += f->value_len;
    }
    return head_layout_check(&head, &place);
}
#define LAYOUT(raw) layout(raw, sizeof(raw) - 1)

START_TEST(an_honest_layout_passes)
{
    ck_assert_int_eq(LAYOUT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_OK);
    ck_assert_int_eq(LAYOUT("GET / HTTP/1.1\r\n\r\n"), ERR_OK);
    ck_assert_int_eq(LAYOUT("GET /?a=b HTTP/1.1\r\nHost:a\r\nX: \t b \r\nEmpty:\r\n\r\n"),
                     ERR_OK);
}
END_TEST

START_TEST(a_line_that_ends_otherwise_is_seen)
{
    ck_assert_int_eq(LAYOUT("GET / HTTP/1.1\nHost: a\r\n\r\n"), ERR_INVALID);
    ck_assert_int_eq(LAYOUT("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"), ERR_INVALID);
    ck_assert_int_eq(LAYOUT("GET / HTTP/1.1\r\nHost: a\n\r\n"), ERR_INVALID);
    ck_assert_int_eq(LAYOUT("GET / HTTP/1.1\r\nHost: a\r\n\n"), ERR_INVALID);
    ck_assert_int_eq(LAYOUT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), ERR_INVALID);
}
END_TEST

START_TEST(a_folded_field_is_seen)
{
    /* The library has joined "t-Length" to the name and put the name behind all else. */
    static const char pool[] =
        "GET\0/\0HTTP/1.1\0\0Conten\0005\0\0 t-Length\0\0\0\0Content-Length";
    const char *moved = pool + sizeof(pool) - sizeof("Content-Length");
    struct head_place place = {.target = pool + 4, .target_len = 1};

    place.size = (size_t)(moved - pool);
    memset(&head, 0, sizeof(head));
    head.method = pool;
    head.version = pool + 6;
    head.fields[head.n_fields++] =
        (struct head_field){.name = moved, .name_len = 14, .value = pool + 23, .value_len = 1};
    ck_assert_int_eq(head_layout_check(&head, &place), ERR_INVALID);
    ck_assert_int_eq(trailer_layout_check(head.fields, 1), ERR_INVALID);
}
END_TEST

START_TEST(trailers_must_lie_end_to_end)
{
    static const char good[] = "A\0 1\0\0B\0 2\0\0", bare[] = "A\0 1\0B\0 2\0\0";
    struct head_field f[2] = {
        {.name = good, .name_len = 1, .value = good + 3, .value_len = 1},
        {.name = good + 6, .name_len = 1, .value = good + 9, .value_len = 1},
    };

    ck_assert_int_eq(trailer_layout_check(f, 2), ERR_OK);
    f[0].name = bare;
    f[0].value = bare + 3;
    f[1].name = bare + 5;
    f[1].value = bare + 8;
    ck_assert_int_eq(trailer_layout_check(f, 2), ERR_INVALID);
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/head_check", plain_heads_pass, framing_is_read,
                     ambiguous_heads_are_refused, stray_characters_are_refused,
                     a_nul_inside_a_counted_value_is_seen, trailers_may_not_authorise_or_frame,
                     an_honest_layout_passes, a_line_that_ends_otherwise_is_seen,
                     a_folded_field_is_seen, trailers_must_lie_end_to_end);
}
