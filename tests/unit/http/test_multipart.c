/* Forms as browsers and curl send them, cut at every place they can be cut; each limit; and
 * what is not a form. The outcome is written down as text, so that a row is one line to read.
 */
#include "gateway/http/multipart.h"

#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

enum { SAID_MAX = 1 << 16 };

struct told { /* what the sink was told, as text */
    char text[SAID_MAX];
    size_t len;
    bool files_only; /* everything goes to data, a field too */
};

static void say(struct told *t, const void *data, size_t len)
{
    ck_assert_uint_lt(t->len + len, sizeof(t->text));
    memcpy(t->text + t->len, data, len);
    t->len += len;
    t->text[t->len] = '\0';
}

static void say_text(struct told *t, const char *text)
{
    say(t, text, strlen(text));
}

static enum err part_begin(void *ctx, const struct multipart_part *part, enum multipart_as *as)
{
    struct told *t = ctx;

    if (part->filename == NULL && !t->files_only) {
        *as = MULTIPART_FIELD;
        return ERR_OK;
    }
    *as = MULTIPART_FILE;
    say_text(t, part->name);
    say_text(t, "(");
    say_text(t, part->filename != NULL ? part->filename : "-");
    say_text(t, ",");
    say_text(t, part->content_type != NULL ? part->content_type : "-");
    say_text(t, "):");
    return ERR_OK;
}

static enum err field(void *ctx, const char *name, const char *value)
{
    say_text(ctx, name);
    say_text(ctx, "=");
    say_text(ctx, value);
    say_text(ctx, ";");
    return ERR_OK;
}

static enum err part_data(void *ctx, const void *data, size_t len)
{
    ck_assert_uint_gt(len, 0);
    say(ctx, data, len);
    return ERR_OK;
}

static enum err part_end(void *ctx)
{
    say_text(ctx, ";");
    return ERR_OK;
}

static struct told told;

/* Pushed as [0,a) [a,b) [b,len), each from an allocation of its own length. */
static enum err push_cut(const char *boundary, const char *body, size_t len, size_t a, size_t b)
{
    const struct multipart_sink sink = {part_begin, field, part_data, part_end, &told};
    const size_t cuts[] = {0, a, b, len};
    AUTO(multipart_free) struct multipart *m = NULL;

    told.len = 0;
    told.text[0] = '\0';
    TRY(multipart_new(boundary, &sink, &m));
    for (size_t i = 0; i + 1 < ARRAY_LEN(cuts); i++) {
        size_t n = cuts[i + 1] - cuts[i];
        char *piece = malloc(n > 0 ? n : 1);
        enum err e;

        memcpy(piece, body + cuts[i], n);
        e = multipart_push(m, piece, n);
        free(piece);
        TRY(e);
    }
    return multipart_finish(m);
}

static enum err push_bytes(const char *boundary, const char *body, size_t len)
{
    const struct multipart_sink sink = {part_begin, field, part_data, part_end, &told};
    AUTO(multipart_free) struct multipart *m = NULL;

    told.len = 0;
    told.text[0] = '\0';
    TRY(multipart_new(boundary, &sink, &m));
    for (size_t i = 0; i < len; i++)
        TRY(multipart_push(m, body + i, 1));
    return multipart_finish(m);
}

static enum err push_whole(const char *boundary, const char *body)
{
    return push_cut(boundary, body, strlen(body), 0, 0);
}

/* The same, whole, byte by byte, and cut into two at every place and into three at many. */
static void check(const char *boundary, const char *body, size_t len, enum err wanted,
                  const char *text, size_t text_len)
{
    for (size_t cut = 0; cut <= len; cut++) {
        for (size_t more = 0; more <= 2; more++) {
            size_t b = cut + more * more * more < len ? cut + more * more * more : len;

            ck_assert_msg(push_cut(boundary, body, len, cut, b) == wanted,
                          "cut at %zu and %zu: %s", cut, b, err_message(ERR_INVALID));
            ck_assert_msg(told.len == text_len && memcmp(told.text, text, text_len) == 0,
                          "cut at %zu and %zu:\n%s\ninstead of\n%s", cut, b, told.text, text);
        }
    }
    ck_assert_int_eq(push_bytes(boundary, body, len), wanted);
    ck_assert_mem_eq(told.text, text, text_len + 1);
}

/* ---- what senders really send ---- */

#define CHROME "----WebKitFormBoundary7MA4YWxkTrZu0gW"
#define GECKO "---------------------------9051914041544843365972754266"
#define FOX "----geckoformboundary8d9a1c3a5e0f6b2d4c7e9a1b3d5f7081"
#define CURL "------------------------d74496d66958873e"

static const struct {
    const char *sender, *type, *boundary, *body, *wanted;
} SENDERS[] = {
    {"Chrome, a form with a select, a text area and two files",
     "multipart/form-data; boundary=" CHROME, CHROME,
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"kind\"\r\n\r\n"
     "further_evidence\r\n"
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"description\"\r\n\r\n"
     "a letter\r\nfrom my GP\r\n"
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"letter.pdf\"\r\n"
     "Content-Type: application/pdf\r\n\r\n"
     "%PDF-1.4\r\n\r\n--\r\n%%EOF\r\n\r\n"
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"arztbrief "
     "\xc3\xa4\xc3\xb6.txt\"\r\n"
     "Content-Type: text/plain\r\n\r\n"
     "two\r\n"
     "--" CHROME "--\r\n",
     "kind=further_evidence;description=a letter\r\nfrom my GP;"
     "file(letter.pdf,application/pdf):%PDF-1.4\r\n\r\n--\r\n%%EOF\r\n;"
     "file(arztbrief \xc3\xa4\xc3\xb6.txt,text/plain):two;"},
    {"Chrome, no file chosen", "multipart/form-data; boundary=" CHROME, CHROME,
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n"
     "Content-Type: application/octet-stream\r\n\r\n"
     "\r\n"
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"kind\"\r\n\r\n"
     "\r\n"
     "--" CHROME "--\r\n",
     "file(,application/octet-stream):;kind=;"},
    {"Chrome, an empty FormData", "multipart/form-data; boundary=" CHROME, CHROME,
     "--" CHROME "--\r\n", ""},
    {"Firefox before 2024, a name with a quote and a line break",
     "multipart/form-data; boundary=" GECKO, GECKO,
     "--" GECKO "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"a "
     "%22quoted%22%0D%0Aname.txt\"\r\n"
     "Content-Type: text/plain\r\n\r\n"
     "--" GECKO "no, data\r\n"
     "--" GECKO "--\r\n",
     "file(a \"quoted\"\r\nname.txt,text/plain):--" GECKO "no, data;"},
    {"Firefox, percent signs that are no escapes", "multipart/form-data; boundary=" FOX, FOX,
     "--" FOX "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"100%25 %0a %2 %.txt\"\r\n"
     "Content-Type: text/plain\r\n\r\n"
     "x\r\n"
     "--" FOX "--\r\n",
     "file(100%25 %0a %2 %.txt,text/plain):x;"},
    {"Safari, a photo by a phone", "multipart/form-data; boundary=" CHROME, CHROME,
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"IMG_0042.HEIC\"\r\n"
     "Content-Type: image/heic\r\n\r\n"
     "\r\r\r\n\r\n\r-\r\n-\r\n--\r\n---\r\n--"
     "-----WebKitFormBoundary\r\n\r\n"
     "--" CHROME "\r\n"
     "Content-Disposition: form-data; name=\"kind\"\r\n\r\n"
     "further_evidence\r\n"
     "--" CHROME "--\r\n",
     "file(IMG_0042.HEIC,image/heic):\r\r\r\n\r\n\r-\r\n-\r\n--\r\n---\r\n--"
     "-----WebKitFormBoundary\r\n;kind=further_evidence;"},
    {"Internet Explorer, a whole path",
     "multipart/form-data; boundary=---------------------------7e4",
     "---------------------------7e4",
     "-----------------------------7e4\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\Users\\ada\\new "
     "letter.doc\"\r\n"
     "Content-Type: application/msword\r\n\r\n"
     "x\r\n"
     "-----------------------------7e4--\r\n",
     "file(C:\\Users\\ada\\new letter.doc,application/msword):x;"},
    {"curl 7.88, -F kind= -F file=@", "multipart/form-data; boundary=" CURL, CURL,
     "--" CURL "\r\n"
     "Content-Disposition: form-data; name=\"kind\"\r\n\r\n"
     "further_evidence\r\n"
     "--" CURL "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"say %22hi%22.txt\"\r\n"
     "Content-Type: text/plain\r\n\r\n"
     "hello\n\r\n"
     "--" CURL "--\r\n",
     "kind=further_evidence;file(say \"hi\".txt,text/plain):hello\n;"},
    {"curl before 7.81, backslash escapes", "multipart/form-data; boundary=" CURL, CURL,
     "--" CURL "\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"say \\\"hi\\\" a\\\\b.txt\"\r\n"
     "Content-Type: text/plain\r\n\r\n"
     "x\r\n"
     "--" CURL "--\r\n",
     "file(say \"hi\" a\\b.txt,text/plain):x;"},
    {"Python requests, hexadecimal", "multipart/form-data; boundary=0f3c", "0f3c",
     "--0f3c\r\n"
     "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
     "no type\r\n"
     "--0f3c--\r\n",
     "file(a,-):no type;"},
    {".NET, quoted boundary, bare names, a foreign parameter",
     "multipart/form-data; boundary=\"a b-1\"; charset=utf-8", "a b-1",
     "--a b-1\r\n"
     "Content-Type: text/plain; charset=utf-8\r\n"
     "Content-Disposition: form-data; name=kind\r\n\r\n"
     "further_evidence\r\n"
     "--a b-1\r\n"
     "Content-Disposition: form-data; name=file; filename=a.txt; "
     "filename*=utf-8''b%C3%A9.txt\r\n\r\n"
     "x\r\n"
     "--a b-1--",
     "kind=further_evidence;file(a.txt,-):x;"},
    {"RFC 2046: preamble, padding, epilogue, a needless encoding",
     "Multipart/Form-Data; BOUNDARY=x", "x",
     "to be ignored\r\n--y\r\n--x \t \r\n"
     "content-disposition: FORM-DATA ; NAME=\"a\"\r\n"
     "Content-Transfer-Encoding: binary\r\n"
     "X-Else: whatever; \"\r\n\r\n"
     "1\r\n--x\r\n"
     "Content-Disposition:form-data;name=\"b\";;\r\n\r\n"
     "\r\n--x--\t\r\nan epilogue\r\n--x\r\nof any shape",
     "a=1;b=;"},
};

START_TEST(senders_are_understood_however_they_are_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(SENDERS); i++) {
        char boundary[MULTIPART_BOUNDARY_MAX + 1];

        ck_assert(multipart_is_form(SENDERS[i].type));
        ck_assert_msg(multipart_boundary(SENDERS[i].type, boundary) == ERR_OK, "%s: %s",
                      SENDERS[i].sender, err_message(ERR_INVALID));
        ck_assert_str_eq(boundary, SENDERS[i].boundary);
        check(boundary, SENDERS[i].body, strlen(SENDERS[i].body), ERR_OK, SENDERS[i].wanted,
              strlen(SENDERS[i].wanted));
    }
}
END_TEST

/* Every byte value, and every beginning of the delimiter followed by anything else. */
START_TEST(octets_pass_unchanged)
{
    static const char head[] = "--b-b\r\nContent-Disposition: form-data; name=\"file\"; "
                               "filename=\"f\"\r\n\r\n";
    static const char delimiter[] = "\r\n--b-b";
    static char body[4096], wanted[4096];
    size_t n = sizeof(head) - 1, w = 0;

    memcpy(body, head, n);
    w = (size_t)snprintf(wanted, sizeof(wanted), "file(f,-):");
    for (size_t have = 1; have < sizeof(delimiter) - 1; have++) {
        static const char others[] = "\r\n-bx";

        for (const char *c = others; *c != '\0'; c++) {
            if (*c == delimiter[have])
                continue;
            memcpy(body + n, delimiter, have);
            memcpy(wanted + w, delimiter, have);
            body[n + have] = wanted[w + have] = *c;
            n += have + 1;
            w += have + 1;
        }
    }
    for (int c = 0; c < 256; c++)
        body[n++] = wanted[w++] = (char)c;
    memcpy(body + n, "\r\n--b-b--\r\n", 11);
    n += 11;
    wanted[w++] = ';';
    check("b-b", body, n, ERR_OK, wanted, w);
}
END_TEST

/* ---- limits ---- */

#define FIELD_HEAD "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
#define END "\r\n--x--\r\n"

/* `size` bytes of filling between two texts. */
static enum err filled(const char *before, size_t size, const char *after)
{
    size_t a = strlen(before), b = strlen(after);
    char *body = malloc(a + size + b);
    enum err whole, bytes;

    memcpy(body, before, a);
    memset(body + a, 'f', size);
    memcpy(body + a + size, after, b);
    whole = push_cut("x", body, a + size + b, a, a + size);
    bytes = push_bytes("x", body, a + size + b);
    free(body);
    ck_assert_int_eq(whole, bytes);
    return whole;
}

START_TEST(a_field_has_a_limit)
{
    ck_assert_int_eq(filled(FIELD_HEAD, MULTIPART_FIELD_MAX, END), ERR_OK);
    ck_assert_uint_eq(told.len, MULTIPART_FIELD_MAX + 3);
    ck_assert_int_eq(filled(FIELD_HEAD, MULTIPART_FIELD_MAX + 1, END), ERR_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_TOO_LARGE), "field"));
    told.files_only = true;
    ck_assert_int_eq(filled(FIELD_HEAD, 40000, END), ERR_OK);
}
END_TEST

START_TEST(a_head_has_a_limit)
{
    static const char head[] = "Content-Disposition: form-data; name=\"a\"\r\nX: ";
    size_t room = MULTIPART_HEAD_MAX - (sizeof(head) - 1) - 4;
    char before[128];

    (void)snprintf(before, sizeof(before), "--x\r\n%s", head);
    ck_assert_int_eq(filled(before, room, "\r\n\r\nv" END), ERR_OK);
    ck_assert_str_eq(told.text, "a=v;");
    ck_assert_int_eq(filled(before, room + 1, "\r\n\r\nv" END), ERR_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_TOO_LARGE), "header"));
    ck_assert_int_eq(filled(before, 1000000, ""), ERR_TOO_LARGE);
}
END_TEST

START_TEST(what_stands_aside_has_a_limit)
{
    ck_assert_int_eq(filled("", MULTIPART_ASIDE_MAX - 2, "\r\n" FIELD_HEAD END), ERR_OK);
    ck_assert_int_eq(filled("", MULTIPART_ASIDE_MAX + 1, "\r\n" FIELD_HEAD END), ERR_TOO_LARGE);
    ck_assert_int_eq(filled(FIELD_HEAD END, MULTIPART_ASIDE_MAX, ""), ERR_OK);
    ck_assert_int_eq(filled(FIELD_HEAD END, MULTIPART_ASIDE_MAX + 1, ""), ERR_TOO_LARGE);
}
END_TEST

START_TEST(the_number_of_parts_has_a_limit)
{
    static const char part[] = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    static char body[(MULTIPART_PARTS_MAX + 1) * sizeof(part) + 16];

    body[0] = '\0';
    for (int i = 0; i < MULTIPART_PARTS_MAX; i++)
        strcat(body, part);
    strcat(body, "--x--");
    ck_assert_int_eq(push_whole("x", body), ERR_OK);
    ck_assert_uint_eq(told.len, 4 * MULTIPART_PARTS_MAX);
    memcpy(body + strlen(body) - 5, part, sizeof(part));
    strcat(body, "--x--");
    ck_assert_int_eq(push_whole("x", body), ERR_TOO_LARGE);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_TOO_LARGE), "parts"));
}
END_TEST

START_TEST(blanks_behind_a_boundary_have_a_limit)
{
    char body[256];

    for (int closing = 0; closing < 2; closing++) {
        for (int more = 0; more < 2; more++) {
            (void)snprintf(body, sizeof(body), "--x%*s\r\n%s%*s\r\n",
                           closing ? 0 : MULTIPART_PADDING_MAX + more, "",
                           "Content-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
                           closing ? MULTIPART_PADDING_MAX + more : 0, "");
            ck_assert_int_eq(push_whole("x", body), more ? ERR_INVALID : ERR_OK);
        }
    }
}
END_TEST

START_TEST(boundaries_are_checked)
{
    static const struct {
        const char *type, *wanted; /* NULL: refused */
    } rows[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"multipart/form-data;boundary=\"abc\"", "abc"},
        {" multipart/form-data ; charset=\"a;b\" ; Boundary='()+_,-./:=? 9", NULL},
        {" multipart/form-data ; charset=\"a;b\" ; Boundary=\"'()+_,-./:=? 9\"",
         "'()+_,-./:=? 9"},
        {"multipart/form-data;; boundary=a;", "a"},
        {"multipart/form-data; boundary="
         "1234567890123456789012345678901234567890123456789012345678901234567890",
         "1234567890123456789012345678901234567890123456789012345678901234567890"},
        {"multipart/form-data; boundary="
         "12345678901234567890123456789012345678901234567890123456789012345678901",
         NULL},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"\"", NULL},
        {"multipart/form-data; boundary=\"a \"", NULL},
        {"multipart/form-data; boundary=\"a", NULL},
        {"multipart/form-data; boundary=a; boundary=a", NULL},
        {"multipart/form-data; boundary=\"a*b\"", NULL},
        {"multipart/form-data; boundary=a*b", NULL},
        {"multipart/form-data; boundary=\"a\tb\"", NULL},
        {"multipart/form-data; boundary=\"a%0D%0Ab\"", NULL},
        {"multipart/form-data; boundary=\"\xc3\xa4\"", NULL},
        {"multipart/form-data, boundary=a", NULL},
        {"multipart/form-data; boundary=a b", NULL},
        {"multipart/form-data; boundary =a", NULL},
        {"multipart/form-data; =a", NULL},
        {"multipart/mixed; boundary=a", NULL},
        {"form-data; boundary=a", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[MULTIPART_BOUNDARY_MAX + 1];
        enum err e = multipart_boundary(rows[i].type, out);

        ck_assert_msg(e == (rows[i].wanted != NULL ? ERR_OK : ERR_INVALID), "%s", rows[i].type);
        if (rows[i].wanted != NULL)
            ck_assert_str_eq(out, rows[i].wanted);
    }
    char *long_type = malloc(100001);
    char out[MULTIPART_BOUNDARY_MAX + 1];
    memset(long_type, 'a', 100000);
    memcpy(long_type, "multipart/form-data; x=", 23);
    long_type[100000] = '\0';
    ck_assert_int_eq(multipart_boundary(long_type, out), ERR_INVALID);
    free(long_type);
}
END_TEST

START_TEST(a_form_is_known_by_its_type)
{
    ck_assert(multipart_is_form("multipart/form-data"));
    ck_assert(multipart_is_form("Multipart/Form-Data; boundary=x"));
    ck_assert(multipart_is_form(" multipart/form-data\t;"));
    ck_assert(!multipart_is_form(NULL));
    ck_assert(!multipart_is_form(""));
    ck_assert(!multipart_is_form("multipart"));
    ck_assert(!multipart_is_form("multipart/mixed"));
    ck_assert(!multipart_is_form("multipart/form-data2; boundary=x"));
    ck_assert(!multipart_is_form("x-multipart/form-data"));
    ck_assert(!multipart_is_form("application/pdf; x=\"multipart/form-data\""));
}
END_TEST

/* ---- what is no form ---- */

#define D "Content-Disposition: form-data; name=\"a\"\r\n"

static const struct {
    const char *body, *words; /* words: part of what the sender is told */
} MALFORMED[] = {
    {"", "boundary does not come"},
    {"hello", "boundary does not come"},
    {"-", "boundary does not come"},
    {"--", "boundary does not come"},
    {"\r\n-x", "boundary does not come"},
    {"x--x--", "boundary does not come"},
    {"\n--x\n" D "\n1\n--x--\n", "boundary does not come"},
    {"--x", "breaks off"},
    {"--x-", "breaks off"},
    {"--x\r", "breaks off"},
    {"--x\r\n", "breaks off"},
    {"--x\r\n" D, "breaks off"},
    {"--x\r\n" D "\r\n", "breaks off"},
    {"--x\r\n" D "\r\n1", "breaks off"},
    {"--x\r\n" D "\r\n1\r\n--x", "breaks off"},
    {"--x\r\n" D "\r\n1\r\n--x-", "breaks off"},
    {"--x\r\n" D "\r\n1\r\n--x\r\n", "breaks off"},
    {"--x\r\n" D "\r\n1--x--\r\n", "breaks off"},
    {"--x\r\n" D "\r\n1\n--x--\r\n", "breaks off"},
    {"--x--\r", "breaks off"},
    {"--x\n" D "\r\n1\r\n--x--", "does not end its line"},
    {"--xy\r\n" D "\r\n1\r\n--x--", "does not end its line"},
    {"--x\r\n" D "\r\n1\r\n--xy\r\n\r\n--x--", "does not end its line"},
    {"--x\r\n" D "\r\n1\r\n--x-y\r\n", "does not end its line"},
    {"--x -\r\n", "does not end its line"},
    {"--x\r\r\n" D, "bare CR"},
    {"--x\r--x--", "bare CR"},
    {"--x--y", "does not end its line"},
    {"--x--\ry", "does not end its line"},
    {"--x--\n", "does not end its line"},
    {"--x\r\n\r\n1\r\n--x--", "without Content-Disposition"},
    {"--x\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--", "without Content-Disposition"},
    {"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", "without a name"},
    {"--x\r\nContent-Disposition: form-data;\r\n\r\n1\r\n--x--", "without a name"},
    {"--x\r\nContent-Disposition: form-data; filename=\"f\"\r\n\r\n1\r\n--x--",
     "without a name"},
    {"--x\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--x--", "not form-data"},
    {"--x\r\nContent-Disposition: \r\n\r\n1\r\n--x--", "not form-data"},
    {"--x\r\nContent-Disposition: form-data name=\"a\"\r\n\r\n1\r\n--x--", "malformed"},
    {"--x\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--x--", "does not end"},
    {"--x\r\nContent-Disposition: form-data; name=\"a\\\"\r\n\r\n1\r\n--x--", "does not end"},
    {"--x\r\nContent-Disposition: form-data; name=\"a\"b\r\n\r\n1\r\n--x--", "text behind"},
    {"--x\r\nContent-Disposition: form-data; name=a b\r\n\r\n1\r\n--x--", "text behind"},
    {"--x\r\nContent-Disposition: form-data; name=\r\n\r\n1\r\n--x--", "without a value"},
    {"--x\r\nContent-Disposition: form-data; name\r\n\r\n1\r\n--x--", "malformed parameter"},
    {"--x\r\nContent-Disposition: form-data; \"a\"\r\n\r\n1\r\n--x--", "malformed parameter"},
    {"--x\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n1\r\n--x--",
     "name twice"},
    {"--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"\"; filename=\"b\"\r\n\r\n"
     "1\r\n--x--",
     "file name twice"},
    {"--x\r\n" D D "\r\n1\r\n--x--", "Content-Disposition twice"},
    {"--x\r\n" D "Content-Type: a/b\r\ncontent-type: a/b\r\n\r\n1\r\n--x--",
     "Content-Type twice"},
    {"--x\r\n" D "Content-Type: multipart/mixed; boundary=y\r\n\r\n1\r\n--x--",
     "inside a form"},
    {"--x\r\n" D "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--x--",
     "Content-Transfer-Encoding"},
    {"--x\r\n" D "Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n1"
     "\r\n--x--",
     "Content-Transfer-Encoding twice"},
    {"--x\r\n" D "no colon\r\n\r\n1\r\n--x--", "malformed header line"},
    {"--x\r\n" D ": no name\r\n\r\n1\r\n--x--", "malformed header line"},
    {"--x\r\n" D "Spaced : 1\r\n\r\n1\r\n--x--", "malformed header line"},
    {"--x\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\n1\r\n--x--",
     "without a name"},
    {"--x\r\n" D " folded: 1\r\n\r\n1\r\n--x--", "malformed header line"},
    {"--x\r\n" D "X: a\rb\r\n\r\n1\r\n--x--", "control character"},
    {"--x\r\n" D "X: a\x01\r\n\r\n1\r\n--x--", "control character"},
    {"--x\r\n" D "X: a\x7f\r\n\r\n1\r\n--x--", "control character"},
    {"--x\r\nContent-Disposition: form-data; name=\"a\nb\"\r\n\r\n1\r\n--x--", "bare LF"},
    {"--x\r\n" D "\n1\r\n--x--", "bare LF"},
    {"--x\r\n--x--\r\n\r\n", "malformed header line"},
};

START_TEST(what_is_malformed_is_refused_in_words)
{
    for (size_t i = 0; i < ARRAY_LEN(MALFORMED); i++) {
        const char *body = MALFORMED[i].body;
        size_t len = strlen(body);

        for (size_t cut = 0; cut <= len; cut++) {
            enum err e = push_cut("x", body, len, cut, len);

            ck_assert_msg(e == ERR_INVALID, "%zu: %s", i, body);
            ck_assert_msg(strstr(err_message(e), MALFORMED[i].words) != NULL, "%s: %s", body,
                          err_message(e));
        }
        ck_assert_int_eq(push_bytes("x", body, len), ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), MALFORMED[i].words));
    }
}
END_TEST

START_TEST(a_nul_is_refused)
{
    static const char in_head[] = "--x\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n"
                                  "1\r\n--x--",
                      in_field[] = "--x\r\n" D "\r\n1\0002\r\n--x--";

    ck_assert_int_eq(push_cut("x", in_head, sizeof(in_head) - 1, 0, 0), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "control character"));
    ck_assert_int_eq(push_cut("x", in_field, sizeof(in_field) - 1, 0, 0), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err_message(ERR_INVALID), "NUL"));
}
END_TEST

/* A part's end is told when the boundary behind it is whole, not before. */
START_TEST(a_part_ends_with_its_boundary)
{
    static const char begun[] = "--x\r\nContent-Disposition: form-data; name=\"f\"; "
                                "filename=\"f\"\r\n\r\n1\r\n--x";
    static const char *const ends[] = {"--", "\r\n", " \r\n"};
    const struct multipart_sink sink = {part_begin, field, part_data, part_end, &told};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        AUTO(multipart_free) struct multipart *m = NULL;

        told.len = 0;
        ck_assert_int_eq(multipart_new("x", &sink, &m), ERR_OK);
        ck_assert_int_eq(multipart_push(m, begun, sizeof(begun) - 1), ERR_OK);
        for (const char *c = ends[i]; *c != '\0'; c++) {
            ck_assert_str_eq(told.text, "f(f,-):1");
            ck_assert_int_eq(multipart_push(m, c, 1), ERR_OK);
        }
        ck_assert_str_eq(told.text, "f(f,-):1;");
    }
}
END_TEST

static enum err refuse_begin(void *ctx, const struct multipart_part *part,
                             enum multipart_as *as)
{
    (void)ctx, (void)part, (void)as;
    return err_set(ERR_DENIED, "not this one");
}

static enum err refuse_data(void *ctx, const void *data, size_t len)
{
    (void)ctx, (void)data, (void)len;
    return err_set(ERR_IO, "not these");
}

static enum err refuse_end(void *ctx)
{
    (void)ctx;
    return err_set(ERR_CONFLICT, "no end");
}

static enum err refuse_field(void *ctx, const char *name, const char *value)
{
    (void)ctx, (void)name, (void)value;
    return err_set(ERR_EXISTS, "no field");
}

START_TEST(an_error_of_the_sink_ends_it)
{
    static const char file[] = "--x\r\nContent-Disposition: form-data; name=\"f\"; "
                               "filename=\"f\"\r\n\r\n1\r\n--x--",
                      text[] = FIELD_HEAD "1" END;
    const struct {
        struct multipart_sink sink;
        const char *body;
        enum err wanted;
    } rows[] = {
        {{refuse_begin, field, part_data, part_end, &told}, file, ERR_DENIED},
        {{part_begin, field, refuse_data, part_end, &told}, file, ERR_IO},
        {{part_begin, field, part_data, refuse_end, &told}, file, ERR_CONFLICT},
        {{part_begin, refuse_field, part_data, part_end, &told}, text, ERR_EXISTS},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(multipart_free) struct multipart *m = NULL;

        ck_assert_int_eq(multipart_new("x", &rows[i].sink, &m), ERR_OK);
        ck_assert_int_eq(multipart_push(m, rows[i].body, strlen(rows[i].body)), rows[i].wanted);
    }
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/multipart", senders_are_understood_however_they_are_cut,
                     octets_pass_unchanged, a_field_has_a_limit, a_head_has_a_limit,
                     what_stands_aside_has_a_limit, the_number_of_parts_has_a_limit,
                     blanks_behind_a_boundary_have_a_limit, boundaries_are_checked,
                     a_form_is_known_by_its_type, what_is_malformed_is_refused_in_words,
                     a_nul_is_refused, a_part_ends_with_its_boundary,
                     an_error_of_the_sink_ends_it);
}
