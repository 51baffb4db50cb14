#include "gateway/evidence/inspection/unlock.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/internal.h"
#include "storage/record_keeping.h"
#include "tests/support/suite.h"
#include "tests/unit/evidence/world.h"

enum { WAIT_S = 100, MICROS = 1000000 };

static struct world w;

static void inspected(struct world *world)
{
    world->config.inspection = true;
    world->config.inspecting.keep_locked = true;
    world->config.inspecting.password_wait_s = WAIT_S;
    world->config.inspecting.password_tries = 3;
}

struct change {
    struct uuid id;
    int64_t expires_at;
    bool held;
};

/* As if it had come with a password: nothing inspects here. */
static enum err waits_apply(struct commit_tx *tx, void *ctx)
{
    const struct change *c = ctx;
    struct db *db = commit_db(tx);
    struct hold_record hold = {.artefact = c->id, .at = 1, .reason = "an appeal"};
    struct password_wait wait = {.artefact = c->id, .expires_at = c->expires_at};
    if (c->held)
        TRY(hold_put(db, &hold));
    TRY(artefact_status_change(db, &c->id, ARTEFACT_QUARANTINED, ARTEFACT_QUARANTINED,
                               STATUS_REASON_PASSWORD));
    return password_wait_insert(db, &wait);
}

static struct uuid waiting(const struct uuid *claim, int64_t in_s, bool held)
{
    struct change c = {.id = world_new_letter(&w, "ada", claim),
                       .expires_at = clock_now() + in_s * MICROS,
                       .held = held};
    ok(evidence_keep(w.ev, waits_apply, &c));
    return c.id;
}

static void is_now(const struct uuid *id, enum artefact_status status, bool opens)
{
    AUTO(blob_reader_free) struct blob_reader *blob = NULL;
    AUTO_CLEAR(buf_clear) struct buf header;
    struct artefact_record a;
    struct password_wait wait;
    struct db *db = NULL;
    buf_init(&header, AGE_HEADER_MAX);
    ok(db_read_begin(w.db, &db));
    ok(artefact_find(db, id, &a));
    ck_assert_int_eq(a.status, status);
    ck_assert_str_eq(a.status_reason, STATUS_REASON_PASSWORD);
    ck_assert_int_eq(header_get(db, id, &header) == ERR_OK, opens);
    ck_assert_int_eq(password_wait_find(db, id, &wait) == ERR_OK, opens);
    db_read_end(db);
    ck_assert_int_eq(blob_open(w.blobs, id, &blob) == ERR_OK, opens);
}

static uint64_t stored(void)
{
    struct db *db = NULL;
    struct usage used;
    ok(db_read_begin(w.db, &db));
    ok(usage_find(db, USAGE_PERSON, WORLD_ISSUER "#ada", &used));
    db_read_end(db);
    return used.artefacts;
}

START_TEST(what_nobody_opens_in_time_is_destroyed)
{
    world_make(&w, inspected);
    struct uuid claim = world_claim(&w, "ada");
    struct uuid over = waiting(&claim, -1, false), held = waiting(&claim, -1, true),
                later = waiting(&claim, WAIT_S, false);
    ck_assert_uint_eq(stored(), 3);
    unlock_tick(w.ev);
    is_now(&over, ARTEFACT_REFUSED, false);
    is_now(&held, ARTEFACT_QUARANTINED, true); /* the hold wins */
    is_now(&later, ARTEFACT_QUARANTINED, true);
    ck_assert_uint_eq(stored(), 2);
    unlock_tick(w.ev);
    ck_assert_uint_eq(stored(), 2);
    world_end(&w);
}
END_TEST

static enum err wait_apply(struct commit_tx *tx, void *ctx)
{
    return unlock_wait(&w.config, commit_db(tx), ctx);
}

static enum err tried_apply(struct commit_tx *tx, void *ctx)
{
    return password_wait_change(commit_db(tx), ctx);
}

START_TEST(whoever_has_the_file_begins_anew)
{
    struct password_wait wait, first;
    struct artefact_record a;
    struct db *db = NULL;
    world_make(&w, inspected);
    struct uuid claim = world_claim(&w, "ada"), id = waiting(&claim, WAIT_S, false);
    ok(db_read_begin(w.db, &db));
    ok(artefact_find(db, &id, &a));
    ok(password_wait_find(db, &id, &first));
    db_read_end(db);
    wait = first;
    wait.tries = 3;
    ok(evidence_keep(w.ev, tried_apply, &wait));
    ok(evidence_keep(w.ev, wait_apply, &a));
    ok(db_read_begin(w.db, &db));
    ok(password_wait_find(db, &id, &wait));
    db_read_end(db);
    ck_assert_uint_eq(wait.tries, 0);
    ck_assert_int_eq(wait.expires_at, first.expires_at); /* but not for longer */
    world_end(&w);
}
END_TEST

START_TEST(only_a_pdf_waits_and_only_by_policy)
{
    struct evidence_config config = {.inspecting = {.keep_locked = true}};
    struct verdict v = {.outcome = INSPECT_PASSWORD, .type = "application/pdf"};
    ck_assert(unlock_may_wait(&config, &v));
    config.inspecting.keep_locked = false;
    ck_assert(!unlock_may_wait(&config, &v));
    config.inspecting.keep_locked = true;
    strcpy(v.type, "application/zip");
    ck_assert(!unlock_may_wait(&config, &v));
    strcpy(v.type, "application/pdf");
    for (int o = INSPECT_NONE; o <= INSPECT_COULD_NOT_SCAN; o++) {
        v.outcome = (enum inspect_outcome)o;
        ck_assert_int_eq(unlock_may_wait(&config, &v), o == INSPECT_PASSWORD);
    }
}
END_TEST

START_TEST(without_inspectors_or_identity_nobody_opens)
{
    struct unlock_result out;
    world_make(&w, inspected);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), id = waiting(&claim, WAIT_S, false);
    fails(ERR_UNAVAILABLE, artefact_unlock(w.ev, &ada, &id, "x", &out));
    buf_clear(&out.receipt);
    is_now(&id, ARTEFACT_QUARANTINED, true);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/inspection/unlock", what_nobody_opens_in_time_is_destroyed,
                     whoever_has_the_file_begins_anew, only_a_pdf_waits_and_only_by_policy,
                     without_inspectors_or_identity_nobody_opens);
}
