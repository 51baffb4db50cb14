/* The scribe: what nobody waits for is written all the same, or counted as lost. */
#include "gateway/evidence/log/scribe.h"
#include "tests/unit/evidence/world.h"

static json_t *note(const char *action, int number)
{
    json_t *entry = json_object();
    json_put_text(entry, "action", action);
    json_put_int(entry, "number", number);
    return entry;
}

START_TEST(everything_is_written_by_the_stop)
{
    enum { NOTES = SCRIBE_BATCH * 5 + 3 };
    struct world w = {.tiny = NULL};
    struct scribe *s = NULL;
    world_make(&w, NULL);
    ok(scribe_start(w.committer, &s));
    for (int i = 0; i < NOTES; i++)
        scribe_note(s, note("test.noted", i));
    scribe_stop(s);
    ck_assert_uint_eq(world_entries(&w, "test.noted", NULL), NOTES);
    scribe_stop(NULL);
    world_end(&w);
}
END_TEST

START_TEST(a_log_that_refuses_is_waited_for)
{
    struct world w = {.tiny = NULL};
    struct scribe *s = NULL;
    world_make(&w, NULL);
    ok(scribe_start(w.committer, &s));
    struct uuid claim = world_claim(&w, "ada"); /* the signer was heard once */
    (void)claim;
    atomic_store(&w.mute, true);
    scribe_note(s, note("test.first", 1));
    (void)usleep(300000);
    scribe_note(s, note("test.second", 2));
    ck_assert_uint_eq(scribe_dropped(s), 0);
    atomic_store(&w.mute, false);
    world_awaits(&w, "test.second", NULL, 1);
    ck_assert_uint_ge(world_entries(&w, "test.first", NULL), 1);
    scribe_stop(s);
    world_end(&w);
}
END_TEST

START_TEST(what_is_lost_is_counted)
{
    struct world w = {.tiny = NULL};
    struct scribe *s = NULL;
    world_make(&w, NULL);
    ok(scribe_start(w.committer, &s));
    atomic_store(&w.mute, true);
    for (int i = 0; i < SCRIBE_MAX + SCRIBE_BATCH + 10; i++)
        scribe_note(s, note("test.flood", i));
    ck_assert_uint_ge(scribe_dropped(s), 10);
    scribe_note(s, NULL);
    ck_assert_uint_ge(scribe_dropped(s), 11);
    atomic_store(&w.mute, false);
    scribe_stop(s);
    world_end(&w);
}
END_TEST

/* One that the log will never take used to be tried again for ever, and all behind it waited.
 */
START_TEST(a_hopeless_entry_holds_nobody_up)
{
    struct world w = {.tiny = NULL};
    struct scribe *s = NULL;
    char *long_text = malloc(DETAILS_MAX + 1);
    memset(long_text, 'x', DETAILS_MAX);
    long_text[DETAILS_MAX] = 0;
    world_make(&w, NULL);
    ok(scribe_start(w.committer, &s));
    json_t *huge = note("test.huge", 1), *bad_claim = note("test.claim", 1);
    json_put_text(huge, "text", long_text);
    json_put_text(bad_claim, "claim", "nobody's");
    scribe_note(s, note("test.good", 1));
    scribe_note(s, json_object()); /* no action */
    scribe_note(s, huge);
    scribe_note(s, bad_claim);
    scribe_note(s, note("test.good", 2));
    world_awaits(&w, "test.good", NULL, 2);
    for (int i = 0; i < 100 && scribe_dropped(s) < 3; i++)
        (void)usleep(10000);
    ck_assert_uint_eq(scribe_dropped(s), 3);
    scribe_stop(s);
    free(long_text);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/log/scribe", everything_is_written_by_the_stop,
                     a_log_that_refuses_is_waited_for, what_is_lost_is_counted,
                     a_hopeless_entry_holds_nobody_up);
}
