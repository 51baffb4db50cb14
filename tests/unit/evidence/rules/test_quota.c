/* How much may be stored, by whom and where; and what happens at the last place. */
#include "gateway/evidence/rules/quota.h"
#include "tests/unit/evidence/world.h"

#include <pthread.h>
#include <stdatomic.h>

static enum err send(struct world *w, const struct principal *p, const struct uuid *claim,
                     const char *text)
{
    struct upload_request rq = letter_request(claim);
    return world_upload(w, p, &rq, text, strlen(text), NULL);
}

static struct usage used(struct world *w, enum usage_scope scope, const char *key)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct usage usage;
    ok(db_read_begin(w->db, &db));
    ok(usage_find(db, scope, key, &usage));
    return usage;
}

static void ck_used(struct world *w, const char *subject, const struct uuid *claim,
                    uint64_t artefacts, uint64_t bytes)
{
    char key[ACTOR_MAX];
    if (subject)
        (void)snprintf(key, sizeof(key), "%s#%s", WORLD_ISSUER, subject);
    else
        uuid_format(claim, key);
    struct usage usage = used(w, subject ? USAGE_PERSON : USAGE_CLAIM, key);
    ck_assert_uint_eq(usage.artefacts, artefacts);
    ck_assert_uint_eq(usage.bytes, bytes);
}

START_TEST(a_person_has_so_many_files)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada"), other = world_claim(&w, "ada");
    w.ev->config.quota.person_artefacts = 3;
    ok(send(&w, &ada, &claim, "one"));
    ok(send(&w, &ada, &claim, "two"));
    ok(send(&w, &ada, &other, "three"));
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &ada, &other, "four"));
    ck_assert_str_eq(err_message(ERR_REFUSED),
                     "There is no more room: one person may send 3 files altogether");
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &ada, &claim, "one")); /* not even looked at */
    ck_used(&w, "ada", NULL, 3, 11);
    ck_used(&w, NULL, &claim, 2, 6);
    ck_used(&w, NULL, &other, 1, 5);
    ck_assert_uint_eq(world_blobs(&w), 3);
    w.ev->config.quota.person_artefacts = 0; /* none */
    ok(send(&w, &ada, &claim, "four"));
    world_end(&w);
}
END_TEST

START_TEST(a_person_has_so_many_bytes)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload *u = NULL;
    static char kilobyte[1024];
    memset(kilobyte, 'x', sizeof(kilobyte));
    w.ev->config.quota.person_bytes = 4096;
    ok(world_upload(&w, &ada, &rq, kilobyte, 1024, NULL));
    /* by what is stated, before a byte has come */
    rq.length = 3073;
    refused(REFUSAL_QUOTA_EXCEEDED, upload_begin(w.ev, &ada, &rq, &u));
    ck_assert_str_eq(err_message(ERR_REFUSED),
                     "There is no more room: one person may send 4KB altogether");
    /* and by what comes, if nothing is */
    rq.length = -1;
    ok(upload_begin(w.ev, &ada, &rq, &u));
    for (int i = 0; i < 3; i++)
        ok(upload_write(u, kilobyte, 1024));
    refused(REFUSAL_QUOTA_EXCEEDED, upload_write(u, "y", 1));
    upload_free(u);
    memset(kilobyte, 'z', sizeof(kilobyte));
    rq.length = 1024;
    ok(world_upload(&w, &ada, &rq, kilobyte, 1024, NULL));
    /* the last byte fits */
    rq.length = 2048;
    ok(upload_begin(w.ev, &ada, &rq, &u));
    for (int i = 0; i < 2; i++)
        ok(upload_write(u, kilobyte, 1024));
    struct upload_result r;
    ok(upload_finish(u, &r));
    buf_clear(&r.receipt);
    upload_free(u);
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &ada, &claim, "y"));
    ck_used(&w, "ada", NULL, 3, 4096);
    world_end(&w);
}
END_TEST

/* Whatever the claimant's side has sent, everybody else's evidence finds its place, and theirs
 * is none of the claimant's room. */
START_TEST(a_claims_room_is_its_claimants)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), morgan = manager(), doc = doctor();
    struct principal carl = someone("carl", 1u << ROLE_REPRESENTATIVE);
    const struct party_record carer = party("carl", "representative", "carer");
    struct uuid claim = world_claim_with(&w, "ada", &carer, 1), other = world_claim(&w, "ada");
    w.ev->config.quota = (struct quota_limits){.claim_artefacts = 2, .claim_bytes = 1024};
    ok(send(&w, &morgan, &claim, "from the office"));
    ok(send(&w, &doc, &claim, "from the doctor"));
    (void)world_sr1(&w, &claim);
    ok(send(&w, &ada, &claim, "one"));
    ok(send(&w, &carl, &claim, "two"));
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &ada, &claim, "three"));
    ck_assert_str_eq(err_message(ERR_REFUSED),
                     "There is no more room: the claimant's side of one claim may send 2 files "
                     "altogether");
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &carl, &claim, "three"));
    ok(send(&w, &morgan, &claim, "more from the office"));
    ok(send(&w, &doc, &claim, "more from the doctor"));
    ok(send(&w, &ada, &other, "three"));
    ck_used(&w, NULL, &claim, 2, 6);
    w.ev->config.quota = (struct quota_limits){.claim_bytes = 10};
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &ada, &claim, "12345"));
    ck_assert_str_eq(
        err_message(ERR_REFUSED),
        "There is no more room: the claimant's side of one claim may send 10 bytes "
        "altogether");
    ok(send(&w, &ada, &claim, "1234"));
    world_end(&w);
}
END_TEST

START_TEST(staff_have_no_personal_limit_and_doctors_do)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal morgan = manager(), doc = doctor();
    struct uuid claim = world_claim(&w, "ada");
    w.ev->config.quota = (struct quota_limits){.person_artefacts = 1, .person_bytes = 100};
    ok(send(&w, &morgan, &claim, "one"));
    ok(send(&w, &morgan, &claim, "two"));
    ok(send(&w, &doc, &claim, "three"));
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &doc, &claim, "four"));
    ck_used(&w, "morgan", NULL, 2, 6);
    ck_used(&w, "dr-gray", NULL, 1, 5);
    ck_used(&w, NULL, &claim, 0, 0);
    world_end(&w);
}
END_TEST

/* --- the last place ----------------------------------------------------------------------- */

START_TEST(two_that_were_begun_for_the_last_place)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload *first = NULL, *second = NULL;
    struct upload_result r;
    w.ev->config.quota.person_artefacts = 1;
    ok(upload_begin(w.ev, &ada, &rq, &first));
    ok(upload_begin(w.ev, &ada, &rq, &second));
    ok(upload_write(first, "one", 3));
    ok(upload_write(second, "two", 3));
    ok(upload_finish(second, &r));
    buf_clear(&r.receipt);
    refused(REFUSAL_QUOTA_EXCEEDED, upload_finish(first, &r));
    upload_free(first);
    upload_free(second);
    ck_assert_uint_eq(world_blobs(&w), 1);
    ck_used(&w, "ada", NULL, 1, 3);
    world_awaits(&w, "upload.refused", "quota-exceeded", 1);
    world_end(&w);
}
END_TEST

enum { RACERS = 4, EACH = 30, PLACES = 17 };
struct race {
    struct world *w;
    struct uuid claim;
    _Atomic unsigned next, stored, full;
};

static void *send_many(void *arg)
{
    struct race *race = arg;
    unsigned me = atomic_fetch_add(&race->next, 1);
    struct principal ada = claimant("ada");
    for (int i = 0; i < EACH; i++) {
        char text[32];
        enum err e = ERR_REFUSED;
        (void)snprintf(text, sizeof(text), "file %u.%d", me, i);
        do
            e = send(race->w, &ada, &race->claim, text);
        while (e == ERR_REFUSED && strstr(err_message(e), "altogether") == NULL);
        ck_assert_msg(e == ERR_OK || err_detail(e) == REFUSAL_QUOTA_EXCEEDED, "%s",
                      err_message(e));
        atomic_fetch_add(e == ERR_OK ? &race->stored : &race->full, 1);
    }
    return NULL;
}

START_TEST(a_race_for_the_last_places)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct race race = {.w = &w, .claim = world_claim(&w, "ada")};
    pthread_t threads[RACERS];
    w.ev->config.quota.claim_artefacts = PLACES;
    for (int i = 0; i < RACERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_many, &race), 0);
    for (int i = 0; i < RACERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(race.stored, PLACES);
    ck_assert_uint_eq(race.full, RACERS * EACH - PLACES);
    ck_assert_uint_eq(world_blobs(&w), PLACES);
    struct usage usage;
    char key[UUID_TEXT_SIZE];
    uuid_format(&race.claim, key);
    usage = used(&w, USAGE_CLAIM, key);
    ck_assert_uint_eq(usage.artefacts, PLACES);
    world_end(&w);
}
END_TEST

/* --- room that comes back ----------------------------------------------------------------- */

static enum err give_back(struct commit_tx *tx, void *ctx)
{
    return quota_give(commit_db(tx), ctx);
}

START_TEST(what_goes_gives_its_room_back)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada"), morgan = manager();
    struct uuid claim = world_claim(&w, "ada");
    struct upload_request rq = letter_request(&claim);
    struct upload_result one, office;
    w.ev->config.quota.claim_artefacts = 1;
    ok(world_upload(&w, &ada, &rq, "one", 3, &one));
    ok(world_upload(&w, &morgan, &rq, "office", 6, &office));
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &ada, &claim, "two"));
    ok(evidence_commit(w.ev, give_back, &office.artefact, NULL)); /* none of hers */
    ck_used(&w, "morgan", NULL, 0, 0);
    refused(REFUSAL_QUOTA_EXCEEDED, send(&w, &ada, &claim, "two"));
    ok(evidence_commit(w.ev, give_back, &one.artefact, NULL));
    ck_used(&w, "ada", NULL, 0, 0);
    ck_used(&w, NULL, &claim, 0, 0);
    ok(send(&w, &ada, &claim, "two"));
    world_end(&w);
}
END_TEST

START_TEST(a_duplicate_takes_no_room)
{
    struct world w = {.tiny = NULL};
    world_make(&w, NULL);
    struct principal ada = claimant("ada");
    struct uuid claim = world_claim(&w, "ada");
    w.ev->config.quota.person_artefacts = 2;
    for (int i = 0; i < 5; i++)
        ok(send(&w, &ada, &claim, "one"));
    ck_used(&w, "ada", NULL, 1, 3);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/rules/quota", a_person_has_so_many_files,
                     a_person_has_so_many_bytes, a_claims_room_is_its_claimants,
                     staff_have_no_personal_limit_and_doctors_do,
                     two_that_were_begun_for_the_last_place, a_race_for_the_last_places,
                     what_goes_gives_its_room_back, a_duplicate_takes_no_room);
}
