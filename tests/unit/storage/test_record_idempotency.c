#include "tests/unit/storage/records_fixture.h"

static int64_t pretended = 1000;

static int64_t pretend(void)
{
    return pretended;
}

static struct idempotency_record key_of(const char *client, const char *key, int64_t expires_at)
{
    struct idempotency_record r = {
        .client = person(client), .status = 201, .expires_at = expires_at};

    (void)snprintf(r.key, sizeof(r.key), "%s", key);
    memset(r.fingerprint, 7, sizeof(r.fingerprint));
    return r;
}

static enum err find(const char *client, const char *key, int64_t now, struct buf *answer,
                     struct idempotency_record *out)
{
    struct person p = person(client);

    buf_reset(answer);
    return idempotency_find(db, &p, key, now, out, answer);
}

START_TEST(an_answer_is_kept_until_it_expires)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    struct idempotency_record r, back;

    clock_replace(pretend);
    open_records();
    buf_init(&answer, IDEMPOTENCY_ANSWER_MAX);
    r = key_of("alex", "key", 2000);
    ok(idempotency_insert(db, &r, "{\"id\":1}", 8));
    ok(find("alex", "key", 1999, &answer, &back));
    ck_assert_str_eq(buf_text(&answer), "{\"id\":1}");
    ck_assert_str_eq(back.client.subject, "alex");
    ck_assert_str_eq(back.key, "key");
    ck_assert_mem_eq(back.fingerprint, r.fingerprint, 32);
    ck_assert_int_eq(back.status, 201);
    ck_assert_int_eq(back.expires_at, 2000);
    fails(ERR_NOT_FOUND, find("alex", "key", 2000, &answer, &back));
    fails(ERR_NOT_FOUND, find("alex", "Key", 1999, &answer, &back));
    fails(ERR_NOT_FOUND,
          find("billie", "key", 1999, &answer, &back)); /* another's key is another key */
    close_records();
}
END_TEST

START_TEST(a_key_is_taken_once_until_it_expires)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    struct idempotency_record r, back;

    clock_replace(pretend);
    open_records();
    buf_init(&answer, IDEMPOTENCY_ANSWER_MAX);
    r = key_of("alex", "key", 2000);
    ok(idempotency_insert(db, &r, "one", 3));
    r.expires_at = 3000;
    fails(ERR_EXISTS, idempotency_insert(db, &r, "two", 3));
    ok(find("alex", "key", 1500, &answer, &back));
    ck_assert_str_eq(buf_text(&answer), "one");
    pretended = 2000;
    ok(idempotency_insert(db, &r, "two", 3)); /* not swept, and free all the same */
    ok(find("alex", "key", 2500, &answer, &back));
    ck_assert_str_eq(buf_text(&answer), "two");
    close_records();
}
END_TEST

START_TEST(the_largest_answer_fits_and_no_larger)
{
    static uint8_t large[IDEMPOTENCY_ANSWER_MAX + 1];
    AUTO_CLEAR(buf_clear) struct buf answer;
    struct idempotency_record r, back;

    clock_replace(pretend);
    open_records();
    buf_init(&answer, IDEMPOTENCY_ANSWER_MAX);
    memset(large, 'x', sizeof(large));
    r = key_of("alex", "key", 2000);
    fails(ERR_TOO_LARGE, idempotency_insert(db, &r, large, sizeof(large)));
    fails(ERR_NOT_FOUND, find("alex", "key", 1, &answer, &back));
    ok(idempotency_insert(db, &r, large, sizeof(large) - 1));
    ok(find("alex", "key", 1, &answer, &back));
    ck_assert_uint_eq(answer.len, IDEMPOTENCY_ANSWER_MAX);
    r = key_of("alex", "empty", 2000);
    ok(idempotency_insert(db, &r, NULL, 0));
    ok(find("alex", "empty", 1, &answer, &back));
    ck_assert_uint_eq(answer.len, 0);
    close_records();
}
END_TEST

START_TEST(a_sweep_takes_the_expired_only)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    struct idempotency_record r, back;

    clock_replace(pretend);
    open_records();
    buf_init(&answer, IDEMPOTENCY_ANSWER_MAX);
    for (int i = 0; i < 10; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "k%d", i);
        r = key_of("alex", key, 2000 + i);
        ok(idempotency_insert(db, &r, "a", 1));
    }
    ok(idempotency_sweep(db, 2004));
    for (int i = 0; i < 10; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "k%d", i);
        fails(i <= 4 ? ERR_NOT_FOUND : ERR_OK, find("alex", key, 0, &answer, &back));
    }
    close_records();
}
END_TEST

int main(void)
{
    return SUITE_RUN("storage/record_idempotency", an_answer_is_kept_until_it_expires,
                     a_key_is_taken_once_until_it_expires,
                     the_largest_answer_fits_and_no_larger, a_sweep_takes_the_expired_only);
}
