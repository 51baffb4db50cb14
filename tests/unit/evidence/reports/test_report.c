/* Reports in a context of their own: what waits becomes overdue, what could not be matched by
 * who received it is matched later, and a key makes a report once. */
#include "gateway/evidence/reports/report.h"
#include "storage/record_reports.h"
#include "tests/unit/evidence/world.h"

static const char DOCUMENT[] = "{\"a\":\"report, as far as the upload knows\"}";

static void adapt(struct world *w)
{
    w->config.report_overdue_s = 3600;
}

static struct report_facts facts_of(const char *name, const char *born, const char *nino)
{
    struct report_facts f = {.form = "sr1"};
    strcpy(f.patient.name, name);
    strcpy(f.patient.born, born);
    strcpy(f.patient.nino, nino);
    return f;
}

static struct upload_result send_with(struct world *w, const struct report_facts *f,
                                      const char *key)
{
    struct principal doc = doctor();
    struct upload *u = NULL;
    struct upload_request *rq = calloc(1, sizeof(*rq));
    struct upload_result result;
    rq->length = -1;
    strcpy(rq->media_type, "application/json");
    strcpy(rq->idempotency_key, key);
    ok(report_begin(w->ev, &doc, rq, &u));
    ok(report_describe(u, f));
    ok(upload_write(u, DOCUMENT, strlen(DOCUMENT)));
    ok(upload_finish(u, &result));
    upload_free(u);
    buf_clear(&result.receipt);
    free(rq);
    return result;
}

static struct upload_result send(struct world *w, const struct report_facts *f)
{
    return send_with(w, f, "");
}

static struct uuid register_person(struct world *w, const char *name, const char *born,
                                   const char *nino)
{
    static unsigned number;
    struct principal system = registry();
    struct claim_draft *d = calloc(1, sizeof(*d));
    struct claim_view *v = calloc(1, sizeof(*v));
    bool existed = true;
    snprintf(d->record.external_reference, sizeof(d->record.external_reference), "REP-%u",
             number++);
    strcpy(d->record.benefit, "pip");
    snprintf(d->record.claimant.subject, sizeof(d->record.claimant.subject), "c-%u", number);
    strcpy(d->record.claimant_name, name);
    strcpy(d->record.claimant_born, born);
    strcpy(d->record.claimant_nino, nino);
    ok(claim_register(w->ev, &system, d, NULL, v, &existed));
    struct uuid id = v->record.id;
    free(d);
    free(v);
    return id;
}

static size_t tray(struct world *w, struct report_on_tray *first)
{
    struct principal morgan = manager();
    struct uuid none = {{0}};
    struct report_on_tray *rows = calloc(10, sizeof(*rows));
    size_t n = 0;
    ok(report_tray(w->ev, &morgan, &none, 10, rows, &n));
    if (first && n > 0)
        *first = rows[0];
    free(rows);
    return n;
}

static int64_t shift;
static int64_t shifted(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * MICROS_PER_SECOND + ts.tv_nsec / 1000 + shift;
}

START_TEST(what_waits_becomes_overdue)
{
    struct world w = {.tiny = NULL};
    struct report_on_tray row;
    world_make(&w, adapt);
    struct report_facts f = facts_of("Zoe Invented", "1950-02-28", "AB123456C");
    clock_replace(shifted);
    ck_assert(!send(&w, &f).linked);
    ck_assert_uint_eq(tray(&w, &row), 1);
    ck_assert(!row.overdue);
    ck_assert_str_eq(row.patient.name, "Zoe Invented");
    shift = 3599 * MICROS_PER_SECOND;
    ck_assert_uint_eq(tray(&w, &row), 1);
    ck_assert(row.waiting_us >= 3599 * MICROS_PER_SECOND);
    shift = 3601 * MICROS_PER_SECOND;
    ck_assert_uint_eq(tray(&w, &row), 1);
    ck_assert(row.overdue);
    clock_replace(NULL);
    struct principal doc = doctor();
    struct uuid none = {{0}};
    size_t n = 0;
    refused(REFUSAL_NOT_PERMITTED, report_tray(w.ev, &doc, &none, 1, &row, &n));
    world_end(&w);
}
END_TEST

static enum err unmatch(struct commit_tx *tx, void *ctx)
{
    (void)ctx;
    return report_unmatch_waiting(commit_db(tx));
}

/* As a plane without keys leaves it: it waits, and nobody has looked for its claim. */
START_TEST(what_could_not_be_matched_is_matched_later)
{
    struct world w = {.tiny = NULL};
    world_make(&w, adapt);
    struct report_facts f = facts_of("Zoe Invented", "1950-02-28", "AB123456C");
    struct uuid artefact = send(&w, &f).artefact.id, none = {{0}};
    struct artefact_record a;
    struct report_record r;
    ck_assert_uint_eq(tray(&w, NULL), 1);
    struct uuid claim = register_person(&w, "ZOË INVENTED", "1950-02-28", "AB123456D");
    report_tick(w.ev); /* somebody else's */
    ck_assert_uint_eq(tray(&w, NULL), 1);
    {
        /* the claim's commit is the one that links */
        claim = register_person(&w, "ZOË INVENTED", "1950-02-28", "AB123456C");
        struct db *db = NULL;
        ok(db_read_begin(w.db, &db));
        ok(artefact_find(db, &artefact, &a));
        ok(report_find(db, &artefact, &r));
        db_read_end(db);
        ck_assert(uuid_equal(&a.claim, &claim));
        ck_assert(!r.waiting && !r.unmatched && !r.named);
    }
    /* two claims with the same subject: nobody decides, neither at once nor later */
    (void)register_person(&w, "Zoe Invented", "1950-02-28", "AB123456C");
    struct uuid other = send(&w, &f).artefact.id;
    ok(evidence_keep(w.ev, unmatch, NULL));
    report_tick(w.ev);
    ck_assert_uint_eq(tray(&w, NULL), 1);
    struct db *db = NULL;
    ok(db_read_begin(w.db, &db));
    ok(report_find(db, &other, &r));
    ok(artefact_find(db, &other, &a));
    db_read_end(db);
    ck_assert(r.waiting && !r.unmatched); /* it was looked for */
    ck_assert(uuid_equal(&a.claim, &none));
    world_end(&w);
}
END_TEST

START_TEST(a_key_makes_a_report_once)
{
    struct world w = {.tiny = NULL};
    world_make(&w, adapt);
    struct report_facts f = facts_of("Zoe Invented", "1950-02-28", "AB123456C");
    struct upload_result first = send_with(&w, &f, "k"), again = send_with(&w, &f, "k");
    ck_assert(uuid_equal(&first.artefact.id, &again.artefact.id));
    ck_assert(again.repeated && !again.linked);
    ck_assert_uint_eq(tray(&w, NULL), 1);
    (void)register_person(&w, "Zoe Invented", "1950-02-28", "AB123456C");
    again = send_with(&w, &f, "k");
    struct uuid none = {{0}};
    ck_assert(again.linked && uuid_equal(&again.artefact.claim, &none)); /* not told */
    world_end(&w);
}
END_TEST

START_TEST(harmful_whatever_the_table_of_kinds_says)
{
    struct world w = {.tiny = NULL};
    world_make(&w, adapt);
    for (size_t i = 0; i < w.kinds.n; i++)
        w.kinds.rows[i].harmful = false;
    struct report_facts f = facts_of("Zoe Invented", "1950-02-28", "");
    ck_assert(send(&w, &f).artefact.harmful);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/reports/report", what_waits_becomes_overdue,
                     what_could_not_be_matched_is_matched_later, a_key_makes_a_report_once,
                     harmful_whatever_the_table_of_kinds_says);
}
