/* `scrub`: every record has its sealed payload, as it was stored, and a header that parses;
 * what has no record is named.
 *
 * Needs no key: the keyless checksum of the sealed bytes finds damage. Reads in pages, so that
 * it may run for hours beside the server. */
#include "crypto/checksum.h"
#include "gateway/base/clock.h"
#include "gateway/commands.h"
#include "gateway/offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 64, PIECE = 262144, ORPHAN_AGE_S = 3600 };

struct scrub {
    struct offline *o;
    bool json;
    struct keyring ring;
    struct checksum sum;
    uint8_t *piece;
    uint64_t artefacts, all, bytes, damaged, orphans;
    json_t *findings; /* NULL unless json */
    struct progress bar;
};

static void finding(struct scrub *s, const struct uuid *id, bool damage, const char *what)
{
    char text[UUID_TEXT_SIZE] = "database";

    if (id)
        uuid_format(id, text);
    s->damaged += damage;
    if (s->json) {
        json_t *row = json_object();
        json_put_text(row, "artefact", text);
        json_put_bool(row, "damage", damage);
        json_put_text(row, "what", what);
        (void)json_array_append_new(s->findings, row);
        return;
    }
    progress_end(&s->bar);
    (void)printf("%s: %s: %s\n", damage ? "damaged" : "note", text, what);
}

/* --- one artefact --------------------------------------------------------------------------
 */
/* What is wrong is left in *wrong (NULL: nothing); an error is of the scrub itself. */
static enum err payload_check(struct scrub *s, const struct artefact_record *a,
                              const char **wrong)
{
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    uint8_t found[SHA256_SIZE];
    enum err e = blob_open(s->o->blobs, &a->id, &blob);

    *wrong = e == ERR_NOT_FOUND ? "its payload is missing"
             : e == ERR_CORRUPT ? "its payload is not a regular file"
                                : NULL;
    if (*wrong)
        return ERR_OK;
    TRY(e);
    if (blob_size(blob) != a->sealed_size) {
        *wrong = "its payload is not as long as it was";
        return ERR_OK;
    }
    TRY(checksum_begin(&s->sum));
    for (uint64_t at = 0; at < a->sealed_size && !*wrong;) {
        size_t len = a->sealed_size - at < PIECE ? (size_t)(a->sealed_size - at) : PIECE;
        e = blob_read(blob, at, s->piece, len);
        if (e != ERR_OK)
            *wrong = "its payload cannot be read";
        else
            TRY(checksum_update(&s->sum, s->piece, len));
        at += len;
        s->bytes += len;
    }
    TRY(checksum_final(&s->sum, found));
    if (!*wrong && memcmp(found, a->sealed_sha256, sizeof(found)) != 0)
        *wrong = "its payload is not what was stored";
    return ERR_OK;
}

static enum err header_check(struct scrub *s, const struct uuid *id, const char **wrong)
{
    AUTO_CLEAR(buf_clear) struct buf text = {0};
    AUTO_CLEAR(age_header_clear) struct age_header h = {0};
    AUTO(db_read_end) struct db *db = NULL;
    const struct keyring_key *key;
    char key_id[KEY_ID_SIZE];

    buf_init(&text, AGE_HEADER_MAX);
    TRY(db_read_begin(s->o->db, &db));
    enum err e = header_get(db, id, &text);
    if (e == ERR_NOT_FOUND) {
        *wrong = "its header is missing";
        return ERR_OK;
    }
    TRY(e);
    if (age_header_parse(text.data, text.len, &h) != ERR_OK || h.header_len != text.len)
        *wrong = "its header is malformed";
    else if (age_header_key_id(&h, key_id) != ERR_OK)
        *wrong = "its header names no service key";
    else if (!(key = keyring_find(&s->ring, key_id)) || key->retired)
        *wrong = "its header is for a key that is gone";
    return ERR_OK;
}

static bool has_payload(enum artefact_status s)
{
    return s != ARTEFACT_RECEIVING && s != ARTEFACT_REFUSED && s != ARTEFACT_DISPOSED;
}

/* Disposed while the page was read: no damage. */
static enum err still_there(struct scrub *s, const struct artefact_record *a, bool *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct artefact_record now;

    TRY(db_read_begin(s->o->db, &db));
    TRY(artefact_find(db, &a->id, &now));
    *out = has_payload(now.status);
    return ERR_OK;
}

static enum err artefact_check(struct scrub *s, const struct artefact_record *a)
{
    const char *wrong = NULL;
    bool there = true;

    if (!has_payload(a->status))
        return ERR_OK;
    TRY(payload_check(s, a, &wrong));
    if (!wrong)
        TRY(header_check(s, &a->id, &wrong));
    if (!wrong)
        return ERR_OK;
    TRY(still_there(s, a, &there));
    if (there)
        finding(s, &a->id, true, wrong);
    return ERR_OK;
}

static enum err artefacts_check(struct scrub *s)
{
    AUTO_FREE struct artefact_record *page = calloc(PAGE, sizeof(*page));
    struct uuid after = {{0}};
    size_t n = 0;

    if (!page)
        return err_set(ERR_NOMEM, "a page of records");
    for (;;) {
        AUTO(db_read_end) struct db *db = NULL;
        TRY(db_read_begin(s->o->db, &db));
        TRY(artefact_each(db, &after, page, PAGE, &n));
        db_read_end(TAKE(db));
        if (n == 0)
            return ERR_OK;
        for (size_t i = 0; i < n; i++) {
            TRY(artefact_check(s, &page[i]));
            s->artefacts++;
            progress_step(&s->bar, s->artefacts, s->all > s->artefacts ? s->all : s->artefacts);
        }
        after = page[n - 1].id;
    }
}

/* --- objects without a record --------------------------------------------------------------
 */
static enum err object_count(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    struct scrub *s = ctx;

    (void)id;
    (void)size;
    (void)mtime;
    s->all++;
    return ERR_OK;
}

/* Behind a disposal the payload goes last: one that is still there waits for the server. */
static enum err object_of_record(struct scrub *s, struct db *db, const struct uuid *id)
{
    struct artefact_record a;

    TRY(artefact_find(db, id, &a));
    if (a.status == ARTEFACT_DISPOSED)
        finding(s, id, false, "disposed of, its payload is still there: the server removes it");
    return ERR_OK;
}

static enum err object_check(void *ctx, const struct uuid *id, uint64_t size, int64_t mtime)
{
    struct scrub *s = ctx;
    AUTO(db_read_end) struct db *db = NULL;
    bool known;

    (void)size;
    TRY(db_read_begin(s->o->db, &db));
    TRY(artefact_exists(db, id, &known));
    if (known)
        return object_of_record(s, db, id);
    s->orphans++;
    finding(s, id, false,
            clock_now() - mtime > ORPHAN_AGE_S * MICROS_PER_SECOND
                ? "an object without a record: the server sweeps it"
                : "an object without a record yet");
    return ERR_OK;
}

/* --- the command ---------------------------------------------------------------------------
 */
static enum err scrub(struct scrub *s)
{
    s->piece = malloc(PIECE);
    s->findings = s->json ? json_array() : NULL;
    if (!s->piece || (s->json && !s->findings))
        return err_set(ERR_NOMEM, "a buffer");
    TRY(keyring_read(s->o->config->keeper.keyring_file, &s->ring));
    enum err e = db_integrity(s->o->db);
    if (e == ERR_CORRUPT)
        finding(s, NULL, true, err_message(e));
    else
        TRY(e);
    TRY(blob_each(s->o->blobs, object_count, s));
    TRY(artefacts_check(s));
    progress_end(&s->bar);
    return blob_each(s->o->blobs, object_check, s);
}

static void summary(const struct scrub *s)
{
    if (!s->json) {
        (void)printf(
            "%llu artefacts, %llu bytes read, %llu damaged, %llu objects without a record\n",
            (unsigned long long)s->artefacts, (unsigned long long)s->bytes,
            (unsigned long long)s->damaged, (unsigned long long)s->orphans);
        return;
    }
    AUTO(json_free) json_t *all = json_object();
    AUTO_FREE char *text = NULL;
    size_t len;
    json_put_int(all, "artefacts", (json_int_t)s->artefacts);
    json_put_int(all, "bytes", (json_int_t)s->bytes);
    json_put_int(all, "damaged", (json_int_t)s->damaged);
    json_put_int(all, "orphans", (json_int_t)s->orphans);
    json_put(all, "findings", json_incref(s->findings));
    if (json_text(all, &text, &len) == ERR_OK)
        (void)puts(text);
}

static int scrub_run(struct scrub *s, const char *config)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "scrub"};
    int code = offline_open(&o, "scrub", config, OFFLINE_BLOBS);

    if (code != CLI_GO)
        return code;
    s->o = &o;
    enum err e = scrub(s);
    progress_end(&s->bar);
    if (e != ERR_OK) {
        cli_error("scrub", "%s", err_message(e));
        return EXIT_ENVIRONMENT;
    }
    summary(s);
    return s->damaged == 0 ? EXIT_GOOD : EXIT_CHECK_FAILED;
}

int cmd_scrub(int argc, char **argv)
{
    struct scrub s = {.bar = {.label = "scrub"}};
    const char *config = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config},
        {"json", NULL, "the outcome as JSON", CLI_FLAG, false, &s.json},
    };
    const struct cli_command command = {
        .name = "scrub",
        .operands = "",
        .about = "Checks every sealed payload against its record, without any key, and names "
                 "objects without a record. May run beside\n"
                 "the server. Ends with 1 if anything is damaged.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO)
        code = scrub_run(&s, config);
    checksum_clear(&s.sum);
    free(s.piece);
    json_free(s.findings);
    return code;
}
