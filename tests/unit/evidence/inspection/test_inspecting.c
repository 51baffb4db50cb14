#include "gateway/evidence/inspection/inspecting.h"

#include "gateway/base/clock.h"
#include "gateway/evidence/inspection/rescan.h"
#include "tests/support/suite.h"
#include "tests/unit/evidence/world.h"

static struct secret *key_of_intake(void)
{
    struct secret *s = NULL;
    ok(secret_new(32, &s));
    randombytes_buf(s->bytes, s->len);
    return s;
}

START_TEST(what_is_due_opens_with_its_own_key_alone)
{
    ok(crypto_init());
    secrets_allow_unlocked(true);
    AUTO(secret_free) struct secret *intake = key_of_intake();
    AUTO(secret_free) struct secret *another = key_of_intake();
    AUTO_CLEAR(buf_clear) struct buf sealed;
    struct uuid id = uuid_new(), other = uuid_new();
    uint8_t key[AGE_PAYLOAD_KEY_SIZE], back[AGE_PAYLOAD_KEY_SIZE];
    buf_init(&sealed, INSPECTION_KEY_MAX);
    randombytes_buf(key, sizeof(key));
    ok(due_key_seal(intake, &id, key, &sealed));
    ck_assert_ptr_null(memmem(sealed.data, sealed.len, key, 8));
    ok(due_key_open(intake, &id, &sealed, back));
    ck_assert_mem_eq(back, key, sizeof(key));
    fails(ERR_CORRUPT, due_key_open(intake, &other, &sealed, back));
    fails(ERR_CORRUPT, due_key_open(another, &id, &sealed, back));
    sealed.data[sealed.len - 1] ^= 1;
    fails(ERR_CORRUPT, due_key_open(intake, &id, &sealed, back));
    sealed.len--;
    fails(ERR_CORRUPT, due_key_open(intake, &id, &sealed, back));
}
END_TEST

START_TEST(ids_of_a_time_sort_behind_its_mark)
{
    struct uuid before = uuid_new();
    int64_t now = clock_now();
    struct uuid mark = rescan_since(now), start = rescan_since(0), future;
    ck_assert(memcmp(start.bytes, before.bytes, sizeof(before.bytes)) < 0);
    future = rescan_since(now + MICROS_PER_SECOND);
    struct uuid fresh = uuid_new();
    ck_assert(memcmp(mark.bytes, fresh.bytes, sizeof(fresh.bytes)) < 0);
    ck_assert(memcmp(fresh.bytes, future.bytes, sizeof(fresh.bytes)) < 0);
    ck_assert(uuid_is_nil(&start));
}
END_TEST

static void inspected(struct world *w)
{
    w->config.inspection = true;
}

/* Where nobody can inspect, nothing is available, and there is nothing to be done later with.
 */
START_TEST(without_inspectors_everything_waits)
{
    struct world w = {.tiny = NULL};
    struct inspection_record found;
    struct artefact_view view;
    struct db *db = NULL;
    uint64_t due = 99;
    int64_t oldest;
    world_make(&w, inspected);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct uuid id = world_letter(&w, "ada", &claim, "Dear decision maker");
    ok(artefact_get(w.ev, &ada, &id, &view));
    ck_assert_int_eq(view.record.status, ARTEFACT_QUARANTINED);
    ck_assert_str_eq(view.record.status_reason, "not-inspected");
    ck_assert(!view.inspected);
    refused(REFUSAL_NOT_AVAILABLE, world_open_only(&w, &ada, &id, PURPOSE_NONE));
    ok(db_read_begin(w.db, &db));
    fails(ERR_NOT_FOUND, inspection_find(db, &id, &found));
    ok(inspection_due_count(db, &due, &oldest));
    db_read_end(db);
    ck_assert_uint_eq(due, 0);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/inspection/inspecting", what_is_due_opens_with_its_own_key_alone,
                     ids_of_a_time_sort_behind_its_mark, without_inspectors_everything_waits);
}
