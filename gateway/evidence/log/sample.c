/* Invariants: population and sample are told by one snapshot; inside the commit each drawn
 * artefact is still available; what is stored, hashed and served is the same text. */
#include "gateway/evidence/log/sample.h"

#include "crypto/digest.h"
#include "gateway/base/clock.h"
#include "gateway/base/encode.h"
#include "gateway/evidence/internal.h"
#include "gateway/evidence/log/entry.h"
#include "gateway/evidence/log/sample_draw.h"
#include "gateway/evidence/rules/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 500, MONTH_TEXT = 7 }; /* read at once; "2026-11" */

void audit_sample_clear(struct audit_sample *s)
{
    free(s->items);
    s->items = NULL;
}

/* --- strata ------------------------------------------------------------------------------- */

typedef void (*stratum_part)(const struct audit_candidate *c, char out[SHORT_TEXT_MAX + 1]);

static void part_kind(const struct audit_candidate *c, char out[SHORT_TEXT_MAX + 1])
{
    memcpy(out, c->kind, sizeof(c->kind));
}

static void part_role(const struct audit_candidate *c, char out[SHORT_TEXT_MAX + 1])
{
    memcpy(out, c->uploader_role, sizeof(c->uploader_role));
}

static void part_month(const struct audit_candidate *c, char out[SHORT_TEXT_MAX + 1])
{
    char time[TIME_TEXT_SIZE];
    time_format(c->received_at, time);
    memcpy(out, time, MONTH_TEXT);
    out[MONTH_TEXT] = 0;
}

static const struct {
    const char *name;
    stratum_part part;
} PARTS[] = {{"kind", part_kind}, {"role", part_role}, {"month", part_month}};
_Static_assert(ARRAY_LEN(PARTS) == SAMPLE_STRATA_COUNT, "the header names their number");

struct strata {
    stratum_part parts[SAMPLE_STRATA_COUNT];
    size_t n;
};

static enum err strata_add(struct strata *out, const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (strlen(PARTS[i].name) != len || strncmp(PARTS[i].name, name, len) != 0)
            continue;
        for (size_t k = 0; k < out->n; k++) {
            if (out->parts[k] == PARTS[i].part)
                return refuse_because(REFUSAL_INVALID_REQUEST, "a stratum stands there twice");
        }
        out->parts[out->n++] = PARTS[i].part;
        return ERR_OK;
    }
    return refuse_because(REFUSAL_INVALID_REQUEST, "strata are kind, role and month");
}

static enum err strata_parse(const char *names, struct strata *out)
{
    *out = (struct strata){.n = 0};
    while (*names) {
        size_t len = strcspn(names, ",");
        TRY(strata_add(out, names, len));
        names += len;
        names += *names == ',';
    }
    return ERR_OK;
}

static void stratum_of(const struct strata *s, const struct audit_candidate *c,
                       char out[STRATUM_MAX + 1])
{
    char part[SHORT_TEXT_MAX + 1];
    size_t len = 0;
    (void)snprintf(out, STRATUM_MAX + 1, "all");
    for (size_t i = 0; i < s->n; i++) {
        s->parts[i](c, part);
        len += (size_t)snprintf(out + len, STRATUM_MAX + 1 - len, "%s%s", i ? "/" : "", part);
    }
}
_Static_assert(SAMPLE_STRATA_COUNT *(SHORT_TEXT_MAX + 1) <= STRATUM_MAX, "a name fits");

/* --- the population ----------------------------------------------------------------------- */

struct population {
    const struct audit_sample_record *wanted;
    struct strata strata;
    struct sample_member *members;
    size_t n, cap;
    uint64_t excluded[ARTEFACT_STATUS_COUNT];
};

static enum err member_add(struct population *pop, const struct audit_candidate *c)
{
    if (pop->n == SAMPLE_POPULATION_MAX)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "more than %d to draw from: choose a shorter time",
                              SAMPLE_POPULATION_MAX);
    if (pop->n == pop->cap) {
        size_t cap = pop->cap ? pop->cap * 2 : CANDIDATES;
        struct sample_member *more = reallocarray(pop->members, cap, sizeof(*more));
        if (!more)
            return err_set(ERR_NOMEM, "a population");
        pop->members = more;
        pop->cap = cap;
    }
    struct sample_member *m = &pop->members[pop->n++];
    m->item.artefact = c->id;
    stratum_of(&pop->strata, c, m->item.stratum);
    return ERR_OK;
}

static enum err candidate_take(struct population *pop, const struct audit_candidate *c)
{
    if (pop->wanted->kind[0] && strcmp(pop->wanted->kind, c->kind) != 0)
        return ERR_OK;
    if (c->status == ARTEFACT_AVAILABLE)
        return member_add(pop, c);
    pop->excluded[c->status]++;
    return ERR_OK;
}

static enum err population_read(struct evidence *ev, struct population *pop)
{
    AUTO(db_read_end) struct db *db = NULL;
    AUTO_FREE struct audit_candidate *page = calloc(CANDIDATES, sizeof(*page));
    struct audit_candidate last;
    const struct audit_candidate *after = NULL;
    size_t n = CANDIDATES;
    if (!page)
        return err_set(ERR_NOMEM, "a population");
    TRY(db_read_begin(ev->parts.db, &db));
    while (n == CANDIDATES) {
        TRY(audit_candidates(db, pop->wanted->from, pop->wanted->to, after, page, CANDIDATES,
                             &n));
        for (size_t i = 0; i < n; i++)
            TRY(candidate_take(pop, &page[i]));
        if (n > 0)
            last = page[n - 1];
        after = &last;
    }
    return ERR_OK;
}

static int by_id(const void *a, const void *b)
{
    const struct sample_member *x = a, *y = b;
    return memcmp(x->item.artefact.bytes, y->item.artefact.bytes,
                  sizeof(x->item.artefact.bytes));
}

/* What was left out, by status; a status that nothing has is not named. */
static enum err excluded_text(const struct population *pop, char out[EXCLUDED_MAX + 1])
{
    AUTO(json_free) json_t *counts = json_object();
    AUTO_FREE char *text = NULL;
    size_t len = 0;
    for (unsigned s = 0; s < ARTEFACT_STATUS_COUNT; s++) {
        if (pop->excluded[s])
            json_put_int(counts, artefact_status_name(s), (json_int_t)pop->excluded[s]);
    }
    TRY(json_canonical(counts, &text, &len));
    if (len > EXCLUDED_MAX)
        return err_set(ERR_TOO_LARGE, "the counts of a sample");
    memcpy(out, text, len + 1);
    return ERR_OK;
}

/* --- drawing ------------------------------------------------------------------------------ */

struct sample_act {
    const struct principal *p;
    struct audit_sample *sample;
    struct population population;
    struct buf text;
};

static enum err population_freeze(struct sample_act *act)
{
    struct audit_sample_record *r = &act->sample->record;
    struct population *pop = &act->population;
    qsort(pop->members, pop->n, sizeof(*pop->members), by_id);
    for (size_t i = 0; i < pop->n; i++)
        TRY(sample_text(&pop->members[i].item, &act->text));
    r->population_count = pop->n;
    TRY(excluded_text(pop, r->excluded));
    return sha256_once(act->text.data, act->text.len, r->population_sha256);
}

static enum err sample_take(struct sample_act *act)
{
    AUTO_CLEAR(buf_clear) struct buf text;
    struct audit_sample *s = act->sample;
    struct population *pop = &act->population;
    size_t n = 0;
    s->items = calloc(s->record.size, sizeof(*s->items));
    if (!s->items)
        return err_set(ERR_NOMEM, "a sample");
    TRY(sample_draw(pop->members, pop->n, s->record.size, s->record.seed, s->items, &n));
    buf_init(&text, SAMPLE_POPULATION_TEXT_MAX);
    for (size_t i = 0; i < n; i++)
        TRY(sample_text(&s->items[i], &text));
    s->record.sample_count = n;
    return sha256_once(text.data, text.len, s->record.sample_sha256);
}

static enum err draw(struct evidence *ev, struct sample_act *act)
{
    const struct audit_sample_record *r = &act->sample->record;
    TRY(strata_parse(r->strata, &act->population.strata));
    act->population.wanted = r;
    TRY(population_read(ev, &act->population));
    if (act->population.n == 0)
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "nothing that is available came in between these times");
    TRY(population_freeze(act));
    return sample_take(act);
}

/* --- freezing ----------------------------------------------------------------------------- */

static json_t *sample_entry(const struct audit_sample_record *r, const struct principal *p,
                            enum role role)
{
    json_t *entry = entry_new("audit.sampled", p, role);
    char id[UUID_TEXT_SIZE];
    uuid_format(&r->id, id);
    json_put_text(entry, "sample", id);
    json_put_time(entry, "from", r->from);
    json_put_time(entry, "to", r->to);
    json_put_text_if(entry, "of_kind", r->kind);
    json_put_int(entry, "size", (json_int_t)r->size);
    json_put_text(entry, "seed", r->seed);
    json_put_text(entry, "strata", r->strata);
    json_put_text(entry, "reader", r->reader.subject);
    json_put_time(entry, "readable_from", r->readable_from);
    json_put_time(entry, "readable_until", r->readable_until);
    json_put_int(entry, "population_count", (json_int_t)r->population_count);
    entry_hex(entry, "population_sha256", r->population_sha256);
    json_put_int(entry, "sample_count", (json_int_t)r->sample_count);
    entry_hex(entry, "sample_sha256", r->sample_sha256);
    return entry;
}

static enum err still_available(struct db *db, const struct audit_sample *s)
{
    AUTO_FREE struct artefact_record *a = calloc(1, sizeof(*a));
    if (!a)
        return err_set(ERR_NOMEM, "an artefact");
    for (uint64_t i = 0; i < s->record.sample_count; i++) {
        TRY(artefact_find(db, &s->items[i].artefact, a));
        if (a->status != ARTEFACT_AVAILABLE)
            return refuse_because(REFUSAL_CONFLICT,
                                  "evidence stopped being available just now: draw again");
    }
    return ERR_OK;
}

static enum err sample_apply(struct commit_tx *tx, void *ctx)
{
    struct sample_act *act = ctx;
    struct audit_sample_record *r = &act->sample->record;
    struct ledger_ref ref;
    enum role role;
    TRY(authority_role(act->p, ACTION_SAMPLE_DRAW, &role));
    TRY(still_available(commit_db(tx), act->sample));
    AUTO(json_free) json_t *entry = sample_entry(r, act->p, role);
    TRY(ledger_append(tx, entry, &ref));
    r->ledger_index = ref.index;
    return audit_sample_insert(commit_db(tx), r, act->text.data, act->text.len,
                               act->sample->items, r->sample_count);
}

static void record_begin(const struct evidence *ev, const struct principal *p,
                         struct audit_sample_record *r)
{
    r->id = uuid_new();
    r->drawn_at = clock_now();
    r->by = person_of(p);
    if (!r->reader.subject[0])
        r->reader = r->by;
    r->readable_from = r->drawn_at + ev->config.audit_notice_s * MICROS_PER_SECOND;
    r->readable_until = r->readable_from + ev->config.audit_reading_s * MICROS_PER_SECOND;
}

enum err audit_sample_create(struct evidence *ev, const struct principal *p,
                             struct replay *once, struct audit_sample *inout)
{
    struct sample_act act = {.p = p, .sample = inout};
    struct err_info outcome;
    TRY(authority_role(p, ACTION_SAMPLE_DRAW, NULL));
    if (inout->record.to > clock_now())
        return refuse_because(REFUSAL_INVALID_REQUEST,
                              "the population ends in the future: it could not be frozen");
    record_begin(ev, p, &inout->record);
    replay_needs(once, ACTION_SAMPLE_DRAW, NULL, NULL, REFUSAL_NOT_PERMITTED);
    buf_init(&act.text, SAMPLE_POPULATION_TEXT_MAX);
    enum err e = draw(ev, &act);
    if (e == ERR_OK)
        e = replay_commit(ev, once, sample_apply, &act);
    err_save(e, &outcome);
    free(act.population.members);
    buf_clear(&act.text);
    return outcome.code == ERR_OK ? ERR_OK : err_restore(&outcome);
}

/* --- reading ------------------------------------------------------------------------------ */

static enum err sample_find(struct db *db, const struct uuid *id,
                            struct audit_sample_record *out)
{
    enum err found = audit_sample_find(db, id, out);
    return found == ERR_NOT_FOUND ? refuse(REFUSAL_NOT_FOUND) : found;
}

enum err audit_sample_get(struct evidence *ev, const struct principal *p, const struct uuid *id,
                          struct audit_sample *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    size_t n = 0;
    TRY(authority_role(p, ACTION_SAMPLE_READ, NULL));
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(sample_find(db, id, &out->record));
    out->items = calloc(out->record.sample_count + 1, sizeof(*out->items));
    if (!out->items)
        return err_set(ERR_NOMEM, "a sample");
    TRY(audit_sample_items(db, id, out->items, out->record.sample_count, &n));
    return n == out->record.sample_count ? ERR_OK
                                         : err_set(ERR_CORRUPT, "a sample lacks items");
}

enum err audit_sample_get_population(struct evidence *ev, const struct principal *p,
                                     const struct uuid *id, struct buf *out)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct audit_sample_record record;
    TRY(authority_role(p, ACTION_SAMPLE_READ, NULL));
    TRY(db_read_begin(ev->parts.db, &db));
    TRY(sample_find(db, id, &record));
    return audit_sample_population(db, id, out);
}

enum err audit_sample_get_all(struct evidence *ev, const struct principal *p,
                              const struct uuid *after, struct audit_sample_record *out,
                              size_t max, size_t *n)
{
    AUTO(db_read_end) struct db *db = NULL;
    TRY(authority_role(p, ACTION_SAMPLE_READ, NULL));
    TRY(db_read_begin(ev->parts.db, &db));
    return audit_sample_list(db, after, out, max, n);
}
