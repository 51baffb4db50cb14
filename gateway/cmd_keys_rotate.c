/* `keys rotate`: another key becomes the active one, and every header is wrapped to it anew. No
 * payload is touched.
 *
 *     order in the log -> keyring -> { page of headers -> keeper -> one transaction } until no
 * other key has any
 *
 * Invariants: a header is replaced only if it is still the one that was re-wrapped (the server
 * goes on working beside us); an order is renewed before the keeper finds it too old; what
 * cannot be re-wrapped is reported and left as it is. */
#include "gateway/cmd_keys.h"

#include "gateway/base/clock.h"
#include "gateway/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 64, ORDER_RENEW_S = 12 * 3600 };

struct rotation {
    struct offline *o;
    const struct keyring *ring;
    const struct keyring_key *to;
    struct buf receipt;
    int64_t ordered_at;
    uint64_t done, all, failed;
    struct progress bar;
};

struct rewrapped {
    struct uuid artefact;
    struct buf old, fresh;
    bool good;
};

static enum err order(struct rotation *r)
{
    json_t *entry = offline_entry("key.rewrap");
    char recovery[AGE_RECIPIENT_TEXT_SIZE];

    json_put_text(entry, "scope", "all");
    json_put_text(entry, "to", r->to->id);
    if (r->ring->has_recovery) {
        age_recipient_format(&r->ring->recovery, recovery);
        json_put_text(entry, "recovery", recovery);
    }
    buf_reset(&r->receipt);
    r->ordered_at = clock_now_seconds();
    return offline_log(r->o, entry, NULL, NULL, &r->receipt);
}

/* --- a page --------------------------------------------------------------------------------
 */
static void page_free(struct rewrapped *page)
{
    for (size_t i = 0; i < PAGE; i++) {
        buf_clear(&page[i].old);
        buf_clear(&page[i].fresh);
    }
    free(page);
}
DEFINE_AUTO(struct rewrapped, page_free);

static enum err page_new(struct rewrapped **out)
{
    struct rewrapped *page = calloc(PAGE, sizeof(*page));

    if (!page)
        return err_set(ERR_NOMEM, "a page of headers");
    for (size_t i = 0; i < PAGE; i++) {
        buf_init(&page[i].old, AGE_HEADER_MAX);
        buf_init(&page[i].fresh, AGE_HEADER_MAX);
    }
    *out = page;
    return ERR_OK;
}

static enum err page_read(struct rotation *r, const char *key_id, const struct uuid *after,
                          struct rewrapped *page, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct uuid ids[PAGE];

    TRY(db_read_begin(r->o->db, &db));
    TRY(header_list_key(db, key_id, after, ids, PAGE, n));
    for (size_t i = 0; i < *n; i++) {
        page[i].artefact = ids[i];
        buf_reset(&page[i].old);
        buf_reset(&page[i].fresh);
        enum err e = header_get(db, &ids[i], &page[i].old);
        page[i].good = e == ERR_OK; /* disposed meanwhile: nothing to do */
        if (e != ERR_OK && e != ERR_NOT_FOUND)
            return e;
    }
    return ERR_OK;
}

static void report(struct rotation *r, const struct rewrapped *w, enum err e)
{
    char id[UUID_TEXT_SIZE];

    uuid_format(&w->artefact, id);
    progress_end(&r->bar);
    cli_error("keys rotate", "%s: not re-wrapped: %s", id, err_message(e));
    r->failed++;
}

static enum err rewrap(struct rotation *r, struct rewrapped *w)
{
    const struct keeper_rewrap order = {
        .receipt = buf_text(&r->receipt),
        .receipt_len = r->receipt.len,
        .header = w->old.data,
        .header_len = w->old.len,
        .artefact = w->artefact,
        .service = &r->to->recipient,
        .recovery = r->ring->has_recovery ? &r->ring->recovery : NULL,
    };
    enum err e = keeper_rewrap(r->o->keeper, &order, &w->fresh);

    if (e == ERR_NOT_FOUND || e == ERR_CRYPTO || e == ERR_CORRUPT) {
        w->good = false;
        report(r, w, e);
        return ERR_OK;
    }
    return e;
}

struct page_write {
    struct rotation *r;
    struct rewrapped *page;
    size_t n;
};

static enum err header_replace(struct db *db, const struct keyring_key *to,
                               const struct rewrapped *w)
{
    AUTO_CLEAR(buf_clear) struct buf now = {0};

    buf_init(&now, AGE_HEADER_MAX);
    enum err e = header_get(db, &w->artefact, &now);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(e);
    if (now.len != w->old.len || memcmp(now.data, w->old.data, now.len) != 0)
        return ERR_OK; /* somebody else's by now; the next pass sees it */
    return header_put(db, &w->artefact, to->id, w->fresh.data, w->fresh.len);
}

static enum err page_apply(struct commit_tx *tx, void *ctx)
{
    const struct page_write *p = ctx;

    for (size_t i = 0; i < p->n; i++) {
        if (p->page[i].good)
            TRY(header_replace(commit_db(tx), p->r->to, &p->page[i]));
    }
    return ERR_OK;
}

static enum err page_rotate(struct rotation *r, struct rewrapped *page, size_t n)
{
    struct page_write write = {.r = r, .page = page, .n = n};
    struct commit_job job = {.apply = page_apply, .ctx = &write, .unlogged = true};

    if (clock_now_seconds() - r->ordered_at > ORDER_RENEW_S)
        TRY(order(r));
    for (size_t i = 0; i < n; i++) {
        if (page[i].good)
            TRY(rewrap(r, &page[i]));
    }
    TRY(committer_run(r->o->committer, &job));
    r->done += n;
    progress_step(&r->bar, r->done, r->all);
    return ERR_OK;
}

/* All headers of one key. */
static enum err key_rotate(struct rotation *r, const char *key_id)
{
    AUTO(page_free) struct rewrapped *page = NULL;
    struct uuid after = {{0}};
    size_t n;

    TRY(page_new(&page));
    for (;;) {
        TRY(page_read(r, key_id, &after, page, &n));
        if (n == 0)
            return ERR_OK;
        after = page[n - 1].artefact;
        TRY(page_rotate(r, page, n));
    }
}

/* --- the whole -----------------------------------------------------------------------------
 */
static enum err count_others(struct rotation *r, uint64_t *out)
{
    AUTO(db_read_end) struct db *db = NULL;

    *out = 0;
    TRY(db_read_begin(r->o->db, &db));
    for (size_t i = 0; i < r->ring->n; i++) {
        uint64_t headers = 0;
        if (&r->ring->keys[i] != r->to)
            TRY(header_count_key(db, r->ring->keys[i].id, &headers));
        *out += headers;
    }
    return ERR_OK;
}

static enum err rotate(struct offline *o, struct keyring *ring, struct rotation *r)
{
    TRY(count_others(r, &r->all));
    TRY(order(r));
    ring->active = (size_t)(r->to - ring->keys);
    TRY(keyring_write(o->config->keeper.keyring_file, ring));
    for (size_t i = 0; i < ring->n; i++) {
        if (&ring->keys[i] != r->to)
            TRY(key_rotate(r, ring->keys[i].id));
    }
    progress_end(&r->bar);
    return ERR_OK;
}

/* The named key, or the newest that is not retired. */
static enum err target_find(const struct keyring *ring, const char *id,
                            const struct keyring_key **out)
{
    *out = id ? keyring_find(ring, id) : NULL;
    for (size_t i = 0; !id && i < ring->n; i++) {
        if (!ring->keys[i].retired && (!*out || ring->keys[i].created_at >= (*out)->created_at))
            *out = &ring->keys[i];
    }
    if (!*out)
        return err_set(ERR_NOT_FOUND, "%s: there is no such key", id);
    if ((*out)->retired)
        return err_set(ERR_CONFLICT, "%s is retired", (*out)->id);
    return ERR_OK;
}

static int outcome(struct rotation *r, enum err e)
{
    uint64_t left = 0;

    if (e == ERR_OK)
        e = count_others(r, &left);
    if (e != ERR_OK) {
        progress_end(&r->bar);
        return cli_failed("keys rotate", e);
    }
    (void)printf("%s is active; %llu artefacts re-wrapped, %llu left with other keys\n",
                 r->to->id, (unsigned long long)(r->done - r->failed),
                 (unsigned long long)left);
    if (db_checkpoint(r->o->db) != ERR_OK)
        (void)fprintf(stderr, "The database's journal is in use: old headers leave it with the "
                              "server's next checkpoint.\n");
    (void)fprintf(stderr, "Send SIGHUP to a running server, so that it reads the keys again; "
                          "then rotate once more, for what it\n"
                          "sealed to the old key in between.\n");
    return r->failed == 0 ? EXIT_GOOD : EXIT_CHECK_FAILED;
}

int keys_rotate(int argc, char **argv)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "keys rotate"};
    struct rotation r = {.o = &o, .bar = {.label = "re-wrapping"}};
    struct keyring ring;
    const char *config = NULL, *to = NULL;
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &config},
        {"to", "ID", "the key that becomes active (the newest)", CLI_TEXT, false, &to},
    };
    const struct cli_command command = {
        .name = "keys rotate",
        .operands = "",
        .about = "Makes a key the active one and re-wraps every artefact's header to it; "
                 "payloads stay as they are. May run beside the\n"
                 "server, and again after an interruption.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO)
        code = keys_open(&o, "keys rotate", config, OFFLINE_LOG | OFFLINE_IDENTITIES, &ring);
    if (code != CLI_GO)
        return code;
    r.ring = &ring;
    enum err e = target_find(&ring, to, &r.to);
    if (e != ERR_OK)
        return cli_failed("keys rotate", e);
    buf_init(&r.receipt, RECEIPT_MAX);
    code = outcome(&r, rotate(&o, &ring, &r));
    buf_clear(&r.receipt);
    return code;
}
