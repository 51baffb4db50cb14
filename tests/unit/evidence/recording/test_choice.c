/* The recording choice: every order of up to five events is the same choice, and the invariant
 * of the domain holds in all of them. */
#include "gateway/evidence/recording/choice.h"
#include "tests/support/suite.h"

#include <string.h>

enum { EVENTS = 5 };

static struct choice_event event(const char *name, int64_t effective_at)
{
    struct choice_event e = {.effective_at = effective_at};
    strcpy(e.event, name);
    return e;
}

START_TEST(states_follow_from_effective_times)
{
    struct choice_event events[] = {event("notice", 10), event("opt_out", 20),
                                    event("opt_in", 30)};
    ck_assert_int_eq(choice_state_at(events, 3, 9), CHOICE_NO_NOTICE);
    ck_assert_int_eq(choice_state_at(events, 3, 10), CHOICE_NOTICED);
    ck_assert_int_eq(choice_state_at(events, 3, 20), CHOICE_OPTED_OUT);
    ck_assert_int_eq(choice_state_at(events, 3, 30), CHOICE_NOTICED);
    ck_assert_int_eq(choice_state_at(events, 0, 30), CHOICE_NO_NOTICE);
    ck_assert_str_eq(choice_state_name(CHOICE_OPTED_OUT), "opted_out");
}
END_TEST

START_TEST(an_opt_out_wins_the_same_moment)
{
    struct choice_event a[] = {event("notice", 1), event("opt_in", 5), event("opt_out", 5)};
    struct choice_event b[] = {event("notice", 1), event("opt_out", 5), event("opt_in", 5)};
    ck_assert_int_eq(choice_state_at(a, 3, 5), CHOICE_OPTED_OUT);
    ck_assert_int_eq(choice_state_at(b, 3, 5), CHOICE_OPTED_OUT);
}
END_TEST

START_TEST(an_opt_in_is_no_proof_of_notice)
{
    struct choice_event events[] = {event("opt_in", 5)};
    ck_assert_int_eq(choice_state_at(events, 1, 6), CHOICE_NO_NOTICE);
    ck_assert_int_eq(recording_verdict(events, 1, 6, 9), RECORDING_QUARANTINED);
}
END_TEST

START_TEST(verdicts)
{
    struct choice_event noticed[] = {event("notice", 1)};
    ck_assert_int_eq(recording_verdict(noticed, 1, 5, 9), RECORDING_ALLOWED);
    ck_assert_int_eq(recording_verdict(noticed, 1, 0, 9), RECORDING_QUARANTINED);
    ck_assert_int_eq(recording_verdict(NULL, 0, 5, 9), RECORDING_QUARANTINED);

    struct choice_event during[] = {event("notice", 1), event("opt_out", 7),
                                    event("opt_in", 8)};
    ck_assert_int_eq(recording_verdict(during, 3, 5, 9), RECORDING_REFUSED);
    ck_assert_int_eq(recording_verdict(during, 3, 8, 9), RECORDING_ALLOWED);
    ck_assert_int_eq(recording_verdict(during, 3, 1, 6), RECORDING_ALLOWED);

    struct choice_event after[] = {event("notice", 1), event("opt_out", 50)};
    ck_assert_int_eq(recording_verdict(after, 2, 5, 9), RECORDING_REFUSED);
}
END_TEST

/* The invariant: allowed only if no opt-out was effective at or before the start without a
 * later opt-in by then. Checked from the events' own definition, not by the code under test. */
static bool opted_out_by(const struct choice_event *events, size_t n, int64_t at)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(events[i].event, "opt_out") != 0 || events[i].effective_at > at)
            continue;
        bool undone = false;
        for (size_t k = 0; k < n; k++) {
            undone = undone ||
                     (strcmp(events[k].event, "opt_in") == 0 && events[k].effective_at <= at &&
                      events[k].effective_at > events[i].effective_at);
        }
        if (!undone)
            return true;
    }
    return false;
}

static void check_orders(struct choice_event *events, size_t at,
                         enum recording_verdict expected)
{
    if (at == EVENTS) {
        ck_assert_int_eq(recording_verdict(events, EVENTS, 3, 4), expected);
        return;
    }
    for (size_t i = at; i < EVENTS; i++) {
        struct choice_event swap = events[at];
        events[at] = events[i];
        events[i] = swap;
        check_orders(events, at + 1, expected);
        swap = events[at];
        events[at] = events[i];
        events[i] = swap;
    }
}

START_TEST(every_order_gives_the_same_and_keeps_the_invariant)
{
    static const char *const NAMES[] = {"notice", "opt_out", "opt_in"};
    unsigned allowed = 0;
    for (unsigned code = 0; code < 243; code++) { /* 3 names at 5 times */
        struct choice_event events[EVENTS];
        for (unsigned i = 0, rest = code; i < EVENTS; i++, rest /= 3)
            events[i] = event(NAMES[rest % 3], i + 1);
        enum recording_verdict verdict = recording_verdict(events, EVENTS, 3, 4);
        if (verdict == RECORDING_ALLOWED) {
            ck_assert(!opted_out_by(events, EVENTS, 3));
            allowed++;
        }
        check_orders(events, 0, verdict);
    }
    ck_assert_uint_gt(allowed, 0);
    ck_assert_uint_lt(allowed, 243);
}
END_TEST

int main(void)
{
    return SUITE_RUN("evidence/recording/choice", states_follow_from_effective_times,
                     an_opt_out_wins_the_same_moment, an_opt_in_is_no_proof_of_notice, verdicts,
                     every_order_gives_the_same_and_keeps_the_invariant);
}
