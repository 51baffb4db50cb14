/* The page to print: what is read out of it again is what was filled in, label by label. */
#include "gateway/inspector/sheet.h"
#include "tests/support/suite.h"

#include <jansson.h>
#include <poppler.h>
#include <stdlib.h>
#include <string.h>

/* fontconfig keeps what it has read of its configuration to the end of the process. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig";
}

enum { PDF_MAX = 8 << 20, TEXT_MAX = 1 << 20 };

static json_t *sheet_of(void)
{
    json_t *sheet = json_object();

    json_object_set_new(sheet, "title", json_string("SR1"));
    json_object_set_new(sheet, "subtitle", json_string("Subtitle"));
    json_object_set_new(sheet, "made_at", json_string("2026-01-02T03:04:05Z"));
    json_object_set_new(sheet, "foot", json_string("FOOT"));
    json_object_set_new(sheet, "rows", json_array());
    return sheet;
}

static void add(json_t *sheet, const char *label, const char *value)
{
    json_t *row = json_object();

    json_object_set_new(row, "label", json_string(label));
    json_object_set_new(row, "value", json_string(value));
    json_array_append_new(json_object_get(sheet, "rows"), row);
}

static enum err draw(json_t *sheet, struct buf *pdf, uint32_t *pages)
{
    char *text = json_dumps(sheet, 0);
    enum err e;

    ck_assert_ptr_nonnull(text);
    buf_init(pdf, PDF_MAX);
    e = sheet_draw(text, strlen(text), pdf, pages);
    free(text);
    return e;
}

/* Everything visible in the order of the pages, without blanks: where lines end is layout. */
static void read_out(const struct buf *pdf, char *out)
{
    GBytes *bytes = g_bytes_new_static(pdf->data, pdf->len);
    PopplerDocument *document = poppler_document_new_from_bytes(bytes, NULL, NULL);
    size_t len = 0;

    ck_assert_ptr_nonnull(document);
    for (int i = 0; i < poppler_document_get_n_pages(document); i++) {
        PopplerPage *page = poppler_document_get_page(document, i);
        char *text = poppler_page_get_text(page);

        for (const char *c = text; *c; c++) {
            if (*c != ' ' && *c != '\n' && len + 1 < TEXT_MAX)
                out[len++] = *c;
        }
        g_free(text);
        g_object_unref(page);
    }
    out[len] = '\0';
    g_object_unref(document);
    g_bytes_unref(bytes);
}

static void has_once(const char *text, const char *wanted)
{
    const char *at = strstr(text, wanted);

    ck_assert_msg(at != NULL, "\"%s\" is not in \"%s\"", wanted, text);
    ck_assert_msg(strstr(at + 1, wanted) == NULL, "\"%s\" stands twice", wanted);
}

START_TEST(values_are_read_out_again)
{
    json_t *sheet = sheet_of();
    char *text = malloc(TEXT_MAX);
    struct buf pdf;
    uint32_t pages = 0;

    add(sheet, "Name",
        "Zo\xc3\xab O\xe2\x80\x99"
        "Invented-\xc5\x81\xc3\xb3"
        "d\xc5\xba");
    add(sheet, "Address", "1 High Street\nLower Village\nLS1 1AA");
    add(sheet, "Signs", "<b>&amp; (\\) % \xe2\x82\xac \xc2\xa3 \xc2\xbd");
    add(sheet, "Greek", "\xce\x91\xce\xb8\xce\xae\xce\xbd\xce\xb1");
    add(sheet, "Foreign",
        "a\xe4\xb8\xad"
        "b");
    ck_assert_int_eq(draw(sheet, &pdf, &pages), ERR_OK);
    ck_assert_uint_eq(pages, 1);
    read_out(&pdf, text);
    has_once(text, "Zo\xc3\xabO\xe2\x80\x99Invented-\xc5\x81\xc3\xb3"
                   "d\xc5\xba");
    has_once(text, "1HighStreetLowerVillageLS11AA");
    has_once(text, "<b>&amp;(\\)%\xe2\x82\xac\xc2\xa3\xc2\xbd");
    has_once(text, "\xce\x91\xce\xb8\xce\xae\xce\xbd\xce\xb1");
    has_once(text, "a[U+4E2D]b"); /* not in the font, and not left out */
    has_once(text, "page1of1");
    buf_clear(&pdf);
    json_decref(sheet);
    free(text);
}
END_TEST

static size_t times(const char *text, const char *wanted)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, wanted)) != NULL; at++)
        n++;
    return n;
}

/* A text without a blank, some with many, and more than a page holds. */
START_TEST(nothing_is_cut_off)
{
    enum { PIECES = 300, LONG = 12 };
    json_t *sheet = sheet_of();
    char *text = malloc(TEXT_MAX);
    struct buf pdf, solid, words;
    uint32_t pages = 0;

    buf_init(&solid, TEXT_MAX);
    buf_init(&words, TEXT_MAX);
    for (unsigned i = 0; i < PIECES; i++) {
        ck_assert_int_eq(buf_printf(&solid, "<%u>", i), ERR_OK);
        ck_assert_int_eq(buf_printf(&words, "(%u) ", i), ERR_OK);
    }
    add(sheet, "One word", buf_text(&solid));
    for (int i = 0; i < LONG; i++)
        add(sheet, "Many words", buf_text(&words));
    ck_assert_int_eq(draw(sheet, &pdf, &pages), ERR_OK);
    ck_assert_uint_gt(pages, 3);
    read_out(&pdf, text);
    for (unsigned i = 0; i < PIECES; i++) {
        char one[24];

        snprintf(one, sizeof(one), "<%u>", i);
        ck_assert_uint_eq(times(text, one), 1);
        snprintf(one, sizeof(one), "(%u)", i);
        ck_assert_uint_eq(times(text, one), LONG);
    }
    for (uint32_t i = 1; i <= pages; i++) {
        char foot[40];

        snprintf(foot, sizeof(foot), "page%uof%u", i, pages);
        ck_assert_uint_eq(times(text, foot), 1);
    }
    buf_clear(&pdf);
    buf_clear(&solid);
    buf_clear(&words);
    json_decref(sheet);
    free(text);
}
END_TEST

START_TEST(the_same_sheet_makes_the_same_bytes)
{
    json_t *sheet = sheet_of();
    struct buf one, other;
    uint32_t pages;

    add(sheet, "Name", "Zoe Invented");
    ck_assert_int_eq(draw(sheet, &one, &pages), ERR_OK);
    ck_assert_int_eq(draw(sheet, &other, &pages), ERR_OK);
    ck_assert_uint_eq(one.len, other.len);
    ck_assert_int_eq(memcmp(one.data, other.data, one.len), 0);
    buf_clear(&one);
    buf_clear(&other);
    json_decref(sheet);
}
END_TEST

START_TEST(what_is_no_sheet_is_refused)
{
    static const char *const none[] = {"", "[]", "{}", "{\"rows\":7}", "{\"rows\":[]", "x"};
    uint32_t pages;

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct buf pdf;

        buf_init(&pdf, PDF_MAX);
        ck_assert_int_eq(sheet_draw(none[i], strlen(none[i]), &pdf, &pages), ERR_INVALID);
        buf_clear(&pdf);
    }
}
END_TEST

int main(void)
{
    return SUITE_RUN("inspector/sheet", values_are_read_out_again, nothing_is_cut_off,
                     the_same_sheet_makes_the_same_bytes, what_is_no_sheet_is_refused);
}
