/* `retention`: what is due, as a dry run or as a list that waits for its signatures.
 *
 * An operator runs it and destroys nothing by it: a list that is drawn up here is of no effect
 * until two records owners have signed it. */
#include "gateway/base/clock.h"
#include "gateway/commands.h"
#include "gateway/evidence/keeping/retention.h"
#include "gateway/offline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 200 };

struct retention_run {
    struct offline *o;
    bool dry_run, json;
    const char *config, *at_text, *kinds_file;
    int64_t at;
    struct kinds *kinds;
    json_t *rows; /* NULL unless json */
    uint64_t go, held, under_way;
};

/* --- the dry run ---------------------------------------------------------------------------
 */
static const char *fate_of(const struct due_record *d)
{
    return d->held ? "held" : d->proposed ? "under way" : "due";
}

static void due_show(struct retention_run *r, const struct due_record *d)
{
    char id[UUID_TEXT_SIZE], since[TIME_TEXT_SIZE];

    uuid_format(&d->artefact, id);
    time_format(d->due_since, since);
    r->held += d->held;
    r->under_way += !d->held && d->proposed;
    r->go += !d->held && !d->proposed;
    if (!r->json) {
        (void)printf("%s  %-20s  since %.19sZ  %s\n", id, d->kind, since, fate_of(d));
        return;
    }
    json_t *row = json_object();
    json_put_text(row, "artefact", id);
    json_put_text(row, "kind", d->kind);
    json_put_int(row, "size", (json_int_t)d->size);
    json_put_time(row, "due_since", d->due_since);
    json_put_bool(row, "held", d->held);
    json_put_bool(row, "proposed", d->proposed);
    (void)json_array_append_new(r->rows, row);
}

static enum err due_walk(struct retention_run *r, const struct kind *kind)
{
    AUTO_FREE struct due_record *page = calloc(PAGE, sizeof(*page));
    struct due_question q = {
        .at = r->at, .kind = kind ? kind->name : NULL, .seconds = kind ? kind->retention_s : 0};
    size_t n = PAGE;

    if (!page)
        return err_set(ERR_NOMEM, "a page of what is due");
    while (n == PAGE) {
        AUTO(db_read_end) struct db *db = NULL;
        TRY(db_read_begin(r->o->db, &db));
        TRY(retention_due(db, &q, page, PAGE, &n));
        for (size_t i = 0; i < n; i++) {
            due_show(r, &page[i]);
            q.after = page[i].artefact;
        }
    }
    return ERR_OK;
}

static enum err dry_run(struct retention_run *r)
{
    if (!r->kinds_file)
        return due_walk(r, NULL);
    for (size_t i = 0; i < r->kinds->n; i++) {
        if (r->kinds->rows[i].retention_s > 0)
            TRY(due_walk(r, &r->kinds->rows[i]));
    }
    return ERR_OK;
}

static void summary(const struct retention_run *r)
{
    if (!r->json) {
        (void)printf("%llu due, %llu held, %llu under way\n", (unsigned long long)r->go,
                     (unsigned long long)r->held, (unsigned long long)r->under_way);
        return;
    }
    AUTO(json_free) json_t *all = json_object();
    AUTO_FREE char *text = NULL;
    size_t len;
    json_put_time(all, "at", r->at);
    json_put_int(all, "due", (json_int_t)r->go);
    json_put_int(all, "held", (json_int_t)r->held);
    json_put_int(all, "under_way", (json_int_t)r->under_way);
    json_put(all, "artefacts", json_incref(r->rows));
    if (json_text(all, &text, &len) == ERR_OK)
        (void)puts(text);
}

/* --- a list --------------------------------------------------------------------------------
 */
struct drawing {
    const struct kinds *kinds;
    struct list_record list;
};

static enum err draw_apply(struct commit_tx *tx, void *ctx)
{
    struct drawing *d = ctx;
    AUTO(json_free) json_t *me = offline_entry("retention.drawn");

    return retention_draw_in(tx, json_string_value(json_object_get(me, "actor")), d->kinds,
                             &d->list);
}

static enum err draw(struct retention_run *r)
{
    AUTO_FREE struct drawing *d = calloc(1, sizeof(*d));
    struct commit_job job = {.apply = draw_apply, .ctx = d};
    char id[UUID_TEXT_SIZE];

    if (!d)
        return err_set(ERR_NOMEM, "a list");
    d->kinds = r->kinds;
    enum err e = committer_run(r->o->committer, &job);
    if (e == ERR_NOT_FOUND) {
        (void)puts("nothing is due");
        return ERR_OK;
    }
    TRY(e);
    uuid_format(&d->list.id, id);
    (void)printf("%s\n", id);
    (void)fprintf(
        stderr,
        "%llu items. Two records owners sign it: POST /v1/retention/lists/%s/approval\n",
        (unsigned long long)d->list.items, id);
    return ERR_OK;
}

/* --- the command ---------------------------------------------------------------------------
 */
static int retention_open(struct retention_run *r, struct offline *o)
{
    int code = offline_open(o, "retention", r->config, r->dry_run ? 0 : OFFLINE_LOG);

    if (code == CLI_GO && !r->dry_run)
        code = offline_writable(o);
    if (code != CLI_GO)
        return code;
    r->o = o;
    enum err e =
        kinds_load(r->kinds_file ? r->kinds_file : o->config->policy.kinds_file, r->kinds);
    return e == ERR_OK ? CLI_GO : cli_failed("retention", e);
}

static int retention_run(struct retention_run *r)
{
    AUTO_CLEAR(offline_close) struct offline o = {.command = "retention"};

    r->at = clock_now();
    if (r->at_text && time_parse(r->at_text, &r->at) != ERR_OK) {
        cli_error("retention", "--at wants a time like 2030-01-31T00:00:00Z");
        return EXIT_USAGE;
    }
    if (!r->dry_run && (r->at_text || r->kinds_file || r->json)) {
        cli_error("retention", "--at, --kinds and --json belong to --dry-run");
        return EXIT_USAGE;
    }
    int code = retention_open(r, &o);
    if (code != CLI_GO)
        return code;
    enum err e = r->dry_run ? dry_run(r) : draw(r);
    if (e != ERR_OK)
        return cli_failed("retention", e);
    if (r->dry_run)
        summary(r);
    return EXIT_GOOD;
}

int cmd_retention(int argc, char **argv)
{
    struct retention_run r = {.kinds = calloc(1, sizeof(struct kinds)), .rows = json_array()};
    const struct cli_option options[] = {
        {"config", "FILE", "the configuration", CLI_TEXT, true, &r.config},
        {"dry-run", NULL, "shows what is due and changes nothing", CLI_FLAG, false, &r.dry_run},
        {"at", "TIME", "what would be due then", CLI_TEXT, false, &r.at_text},
        {"kinds", "FILE", "as if this policy file were in force", CLI_TEXT, false,
         &r.kinds_file},
        {"json", NULL, "as JSON", CLI_FLAG, false, &r.json},
    };
    const struct cli_command command = {
        .name = "retention",
        .operands = "",
        .about =
            "Draws up a list of evidence whose retention is over. It is destroyed after two "
            "records owners have signed the list\n"
            "and the grace period is over, unless somebody holds it.",
        .options = options,
        .n_options = ARRAY_LEN(options),
    };
    int code = cli_parse(&command, argc, argv);

    if (code == CLI_GO)
        code = r.kinds && r.rows ? retention_run(&r) : EXIT_ENVIRONMENT;
    free(r.kinds);
    json_free(r.rows);
    return code;
}
