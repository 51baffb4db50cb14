/* What tests/integration/test_bundle.py sees of bundles is not told again: here are the names,
 * the pieces in which an archive is asked for, and what stops it. */
#include "gateway/base/encode.h"
#include "gateway/evidence/bundles/internal.h"
#include "tests/support/suite.h"
#include "tests/unit/evidence/world.h"

static struct bundle_item named(const char *filename)
{
    struct bundle_item i = {.number = 7, .received_at = INT64_C(1700000000000000)};
    strcpy(i.kind, "further_evidence");
    strcpy(i.media_type, "application/pdf");
    (void)snprintf(i.filename, sizeof(i.filename), "%s", filename);
    return i;
}

START_TEST(names_are_safe_and_stay_readable)
{
    static const char *const CASES[][2] = {
        {"letter.pdf", "letter"},
        {"", "file"},
        {"...", "file"},
        {".pdf", "pdf"},
        {"../../etc/passwd", "etc-passwd"},
        {"..\\..\\boot.ini", "boot"},
        {"C:\\Users\\ada\\scan 1.jpg", "C-Users-ada-scan-1"},
        {"a  b -- c.pdf", "a-b-c"},
        {"-rf.pdf", "rf"},
        {"a.exe.pdf", "a-exe"},
        {"no extension at all. None", "no-extension-at-all-None"},
        {"M\xc3\xbcller & S\xc3\xb6hne.pdf", "M\xc3\xbcller-S\xc3\xb6hne"},
        {"\xd0\xbf\xd0\xb8\xd1\x81\xd1\x8c\xd0\xbc\xd0\xbe.doc",
         "\xd0\xbf\xd0\xb8\xd1\x81\xd1\x8c\xd0\xbc\xd0\xbe"},
        {"a\xe2\x80\xaegnp.exe", "a-gnp"}, /* right-to-left override */
        {"a\xe2\x80\x8b\xef\xbb\xbf"
         "b.pdf",
         "a-b"},                        /* zero width, byte order mark */
        {"a\xf0\x9f\x98\x80.pdf", "a"}, /* a face */
        {"a\xef\xbc\x8f"
         "b.pdf",
         "a-b"},                /* a full-width solidus */
        {"a\xff\xfe.pdf", "a"}, /* not UTF-8 */
        {"a\tb\nc.pdf", "a-b-c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct bundle_item item = named(CASES[i][0]);
        char path[BUNDLE_PATH_MAX], wanted[BUNDLE_PATH_MAX];
        bundle_item_path(&item, path);
        (void)snprintf(wanted, sizeof(wanted),
                       "documents/0007_2023-11-14_further-evidence_%s.pdf", CASES[i][1]);
        ck_assert_str_eq(path, wanted);
    }
}
END_TEST

/* The longest of everything fits, and is cut between characters. */
START_TEST(long_names_are_cut)
{
    struct bundle_item item = named("");
    char path[BUNDLE_PATH_MAX];
    for (size_t i = 0; i + 3 < FILE_NAME_MAX; i += 3)
        strcat(item.filename, "\xe7\x94\xb3");
    memset(item.kind, 'k', SHORT_TEXT_MAX);
    strcpy(item.media_type, "audio/ogg");
    item.audio = true;
    item.number = BUNDLE_ITEMS_MAX;
    bundle_item_path(&item, path);
    ck_assert_uint_lt(strlen(path), BUNDLE_PATH_MAX - 1);
    ck_assert(utf8_valid(path, strlen(path)));
    ck_assert_int_eq(strncmp(path, "audio/10000_", 12), 0);
    ck_assert_str_eq(path + strlen(path) - 4, ".ogg");
    strcpy(item.media_type, "made/up");
    bundle_item_path(&item, path);
    ck_assert_str_eq(path + strlen(path) - 4, ".bin");
}
END_TEST

struct made {
    struct world w;
    struct principal ada, morgan;
    struct uuid claim, letters[3];
};

static struct made *make(void)
{
    struct made *m = calloc(1, sizeof(*m));
    world_make(&m->w, NULL);
    m->ada = claimant("ada");
    m->morgan = manager();
    m->claim = world_claim(&m->w, "ada");
    for (size_t i = 0; i < ARRAY_LEN(m->letters); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "letter %zu of this test", i);
        m->letters[i] = world_letter(&m->w, "ada", &m->claim, text);
    }
    return m;
}

static void end(struct made *m)
{
    world_end(&m->w);
    free(m);
}

static struct bundle *opened(struct made *m)
{
    struct bundle_wish wish = {.claim = m->claim, .stated = PURPOSE_APPEAL};
    struct bundle *b = NULL;
    ok(bundle_prepare(m->w.ev, &m->morgan, &wish, &b));
    ok(bundle_open(b));
    return b;
}

static enum err read_all(struct bundle *b, size_t cap, struct buf *out)
{
    uint8_t piece[4096];
    for (size_t len = 1; len > 0;) {
        TRY(bundle_read(b, piece, cap, &len));
        TRY(buf_append(out, piece, len));
    }
    return ERR_OK;
}

static bool ends_like_an_archive(const struct buf *b)
{
    return b->len > 22 && memcmp(b->data + b->len - 22, "PK\5\6", 4) == 0;
}

START_TEST(pieces_of_any_size_make_one_archive)
{
    static const size_t CAPS[] = {1, 7, 4096};
    struct made *m = make();
    for (size_t i = 0; i < ARRAY_LEN(CAPS); i++) {
        AUTO_CLEAR(buf_clear) struct buf out;
        struct bundle *b = opened(m);
        size_t len = 1;
        uint8_t more;
        buf_init(&out, 1 << 20);
        ok(read_all(b, CAPS[i], &out));
        ck_assert(ends_like_an_archive(&out));
        ok(bundle_read(b, &more, 1, &len));
        ck_assert_uint_eq(len, 0); /* and stays at its end */
        bundle_free(b);
        for (size_t k = 0; k < ARRAY_LEN(m->letters); k++) {
            char text[64];
            (void)snprintf(text, sizeof(text), "letter %zu of this test", k);
            ck_assert(memmem(out.data, out.len, text, strlen(text)));
        }
    }
    end(m);
}
END_TEST

struct change {
    struct uuid id;
    enum artefact_status from, to;
};

static enum err change_apply(struct commit_tx *tx, void *ctx)
{
    const struct change *c = ctx;
    return artefact_status_change(commit_db(tx), &c->id, c->from, c->to, "restricted");
}

/* At every byte of it at which the second letter is restricted: no whole archive comes of it,
 * and the letter itself only if it had been opened before. */
START_TEST(wherever_it_is_restricted_no_archive_comes_of_it)
{
    struct made *m = make();
    AUTO_CLEAR(buf_clear) struct buf whole;
    struct change away = {m->letters[1], ARTEFACT_AVAILABLE, ARTEFACT_RESTRICTED};
    struct change back = {m->letters[1], ARTEFACT_RESTRICTED, ARTEFACT_AVAILABLE};
    buf_init(&whole, 1 << 20);
    struct bundle *b = opened(m);
    ok(read_all(b, 4096, &whole));
    bundle_free(b);
    const uint8_t *directory = memmem(whole.data, whole.len, "PK\1\2", 4);
    ck_assert_ptr_nonnull(directory);
    size_t end_of_items = (size_t)(directory - whole.data);
    for (size_t at = 1; at < end_of_items - 8; at += end_of_items / 16) {
        AUTO_CLEAR(buf_clear) struct buf out;
        size_t len = 0;
        buf_init(&out, 1 << 20);
        b = opened(m);
        while (out.len < at) {
            uint8_t byte;
            ok(bundle_read(b, &byte, 1, &len));
            ok(buf_append(&out, &byte, 1));
        }
        ok(evidence_commit(m->w.ev, change_apply, &away, NULL));
        ck_assert_int_eq(read_all(b, 1, &out), ERR_REFUSED);
        ck_assert(!ends_like_an_archive(&out));
        ck_assert_ptr_null(memmem(out.data, out.len, "PK\1\2", 4));
        ck_assert_int_eq(read_all(b, 1, &out), ERR_CONFLICT); /* for good */
        bundle_free(b);
        ok(evidence_commit(m->w.ev, change_apply, &back, NULL));
    }
    end(m);
}
END_TEST

START_TEST(a_persons_part_of_the_bundles)
{
    struct made *m = make();
    struct bundle *held[BUNDLES_MAX];
    size_t n = 0;
    struct bundle_wish wish = {.claim = m->claim, .stated = PURPOSE_APPEAL};
    for (; n < BUNDLES_MAX / 4; n++)
        held[n] = opened(m);
    ok(bundle_prepare(m->w.ev, &m->morgan, &wish, &held[n]));
    refused(REFUSAL_QUOTA_EXCEEDED, bundle_open(held[n]));
    bundle_free(held[n]);
    while (n > 0)
        bundle_free(held[--n]);
    bundle_free(opened(m));
    end(m);
}
END_TEST

/* More items than one person may have read sessions: those that have passed give way. */
START_TEST(more_items_than_sessions)
{
    struct made *m = make();
    AUTO_CLEAR(buf_clear) struct buf out;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < 2u * 16; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "one more, number %zu", i);
        (void)world_letter(&m->w, "ada", &m->claim, text);
    }
    struct bundle *b = opened(m);
    ok(read_all(b, 4096, &out));
    ck_assert(ends_like_an_archive(&out));
    bundle_free(b);
    end(m);
}
END_TEST

static void few_openings(struct world *w)
{
    w->keeper_config.opens_per_second = 4;
}

/* The keeper's limit makes a bundle slow, not broken. */
START_TEST(a_keeper_that_has_enough_is_waited_for)
{
    struct made *m = calloc(1, sizeof(*m));
    AUTO_CLEAR(buf_clear) struct buf out;
    buf_init(&out, 1 << 20);
    world_make(&m->w, few_openings);
    m->morgan = manager();
    m->claim = world_claim(&m->w, "ada");
    for (size_t i = 0; i < 10; i++)
        (void)world_new_letter(&m->w, "ada", &m->claim);
    struct bundle *b = opened(m);
    ok(read_all(b, 4096, &out));
    ck_assert(ends_like_an_archive(&out));
    bundle_free(b);
    ck_assert_uint_ge(world_entries(&m->w, "read.opened", NULL), 10);
    end(m);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/bundles/bundle", names_are_safe_and_stay_readable,
                     long_names_are_cut, pieces_of_any_size_make_one_archive,
                     wherever_it_is_restricted_no_archive_comes_of_it,
                     a_persons_part_of_the_bundles, more_items_than_sessions,
                     a_keeper_that_has_enough_is_waited_for);
}
