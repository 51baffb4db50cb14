/* The two machines together: every order of up to six events out of an alphabet is run through
 * the functions that the gateway decides by (recording.h), and after each step of each order
 * the invariant of the domain is looked at. Beside it the real thing: whole orders through
 * uploads, choices and reads of a world with a database. */
#include "gateway/evidence/recording/copies.h"
#include "gateway/evidence/recording/incident.h"
#include "gateway/evidence/recording/recording.h"
#include "tests/support/suite.h"
#include "tests/unit/evidence/world.h"

#include <fcntl.h>

enum { STARTED = 100, STOPPED = 200, LENGTH_MAX = 6 };

/* --- the model of one order --------------------------------------------------------------- */

/* What happens: something is said of the choice (with its time of effect), or to the recording.
 */
enum sort { SAID, START, COMMIT, CLEAR, DECIDE, HIDE, LIFT, RETRIEVE, HOLD, DISPOSE };
struct happening {
    const char *name;
    enum sort sort;
    const char *event;
    int64_t effective_at;
};
static const struct happening ALPHABET[] = {
    {"notice before", SAID, "notice", 10},
    {"opt-out before", SAID, "opt_out", 20},
    {"opt-out at the start", SAID, "opt_out", STARTED},
    {"opt-out during", SAID, "opt_out", 150},
    {"opt-out after", SAID, "opt_out", 300},
    {"opt-in before", SAID, "opt_in", 30},
    {"opt-in after", SAID, "opt_in", 400},
    {"start", START, "", 0},
    {"commit", COMMIT, "", 0},
    {"decide", DECIDE, "", 0},
    {"hide", HIDE, "", 0},
    {"lift", LIFT, "", 0},
    {"retrieve", RETRIEVE, "", 0},
    {"hold", HOLD, "", 0},
    {"dispose", DISPOSE, "", 0},
};
enum { LETTERS = ARRAY_LEN(ALPHABET) };
/* Where in it: */
enum {
    NOTICE_BEFORE,
    OUT_BEFORE,
    OUT_AT_START,
    OUT_DURING,
    OUT_AFTER,
    IN_BEFORE,
    IN_AFTER,
    BEGUN,
    DONE,
    DECIDED,
    HIDDEN,
    LIFTED,
    READ
};
/* Two more that are said, for the choice alone. */
static const struct happening ALSO[] = {{"notice after", SAID, "notice", 250},
                                        {"opt-in at the start", SAID, "opt_in", STARTED}};

struct model {
    struct choice_event events[LENGTH_MAX];
    size_t n;
    enum recording_state state;
    bool held;        /* by a legal hold: the overlay */
    bool hidden;      /* restricted by staff, not by an opt-out: only this can be lifted */
    bool was_against; /* it was available while an opt-out counted against it */
};

static struct choice_event said(const struct happening *h)
{
    struct choice_event e = {.effective_at = h->effective_at};
    strcpy(e.event, h->event);
    strcpy(e.event_id, h->name);
    return e;
}

static enum recording_act act_of(enum sort s)
{
    static const enum recording_act ACTS[] = {
        [START] = RECORDING_START,       [COMMIT] = RECORDING_COMMIT,
        [CLEAR] = RECORDING_CLEAR,       [DECIDE] = RECORDING_DECIDE,
        [HIDE] = RECORDING_HIDE,         [LIFT] = RECORDING_LIFT,
        [RETRIEVE] = RECORDING_RETRIEVE, [DISPOSE] = RECORDING_DISPOSE,
    };
    return ACTS[s];
}

static bool happen(struct model *m, enum recording_act act)
{
    enum recording_verdict verdict = recording_verdict(m->events, m->n, STARTED, STOPPED);
    return recording_next(m->state, act, verdict, &m->state);
}

/* As choice_event.c does: the event is appended unless it is there, and an opt-out meets the
 * recording. */
static void say(struct model *m, const struct happening *h)
{
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->events[i].event_id, h->name) == 0)
            return; /* the same event again */
    }
    m->events[m->n++] = said(h);
    if (strcmp(h->event, "opt_out") == 0 && happen(m, RECORDING_OPT_OUT))
        m->hidden = false;
    else if (strcmp(h->event, "opt_in") == 0)
        ck_assert(!happen(m, RECORDING_OPT_IN)); /* releases nothing */
}

static void step(struct model *m, const struct happening *h)
{
    enum recording_state before = m->state;
    switch (h->sort) {
    case SAID:
        say(m, h);
        break;
    case HOLD:
        m->held = true;
        break;
    case DISPOSE:
        if (!m->held)
            (void)happen(m, RECORDING_DISPOSE);
        break;
    case LIFT:
        if (m->hidden && happen(m, RECORDING_LIFT))
            m->hidden = m->state == RECORDING_RESTRICTED;
        break;
    case HIDE:
        m->hidden = happen(m, RECORDING_HIDE) || m->hidden;
        break;
    case RETRIEVE:
        ck_assert_int_eq(happen(m, RECORDING_RETRIEVE), before == RECORDING_AVAILABLE);
        break;
    case START:
    case COMMIT:
    case CLEAR:
    case DECIDE:
        (void)happen(m, act_of(h->sort));
        break;
    }
    if (before == RECORDING_DISPOSED || before == RECORDING_WAS_REFUSED)
        ck_assert_int_eq(m->state, before); /* nothing comes back */
}

/* By its own definition, not by the code under test: an opt-out effective at or before the
 * start that no opt-in had taken back by then, at the same moment the opt-out counts. */
static bool opted_out_at_start(const struct model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct choice_event *out = &m->events[i];
        bool undone = false;
        if (strcmp(out->event, "opt_out") != 0 || out->effective_at > STARTED)
            continue;
        for (size_t k = 0; k < m->n; k++)
            undone = undone || (strcmp(m->events[k].event, "opt_in") == 0 &&
                                m->events[k].effective_at > out->effective_at &&
                                m->events[k].effective_at <= STARTED);
        if (!undone)
            return true;
    }
    return false;
}

static void name_order(const size_t *order, size_t n, char *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < n && len < cap; i++)
        len += (size_t)snprintf(out + len, cap - len, "%s%s", i ? ", " : "",
                                ALPHABET[order[i]].name);
}

static unsigned long n_orders, n_available, n_restricted, n_refused, n_disposed;

static void check_invariant(const struct model *m, const size_t *order, size_t n)
{
    if (m->state == RECORDING_AVAILABLE && opted_out_at_start(m)) {
        char words[400];
        name_order(order, n, words, sizeof(words));
        ck_abort_msg("available against an opt-out after: %s", words);
    }
}

/* Every order without repetition that goes on from here. */
static void go_on(const struct model *from, size_t *order, size_t n, uint32_t used)
{
    for (size_t i = 0; i < LETTERS && n < LENGTH_MAX; i++) {
        struct model m = *from;
        if ((used >> i & 1u) != 0)
            continue;
        order[n] = i;
        step(&m, &ALPHABET[i]);
        check_invariant(&m, order, n + 1);
        n_orders++;
        n_available += m.state == RECORDING_AVAILABLE;
        n_restricted += m.state == RECORDING_RESTRICTED;
        n_refused += m.state == RECORDING_WAS_REFUSED;
        n_disposed += m.state == RECORDING_DISPOSED;
        go_on(&m, order, n + 1, used | 1u << i);
    }
}

START_TEST(no_order_of_six_ends_available_against_an_opt_out)
{
    size_t order[LENGTH_MAX];
    struct model m = {.state = RECORDING_EXPECTED};
    unsigned long expected = 0, product = 1;
    for (unsigned i = 0; i < LENGTH_MAX; i++) {
        product *= LETTERS - i;
        expected += product;
    }
    go_on(&m, order, 0, 0);
    ck_assert_uint_eq(n_orders, expected);
    ck_assert_uint_gt(n_available, 0);
    ck_assert_uint_gt(n_restricted, 0);
    ck_assert_uint_gt(n_refused, 0);
    ck_assert_uint_gt(n_disposed, 0);
    printf("%lu orders: %lu available, %lu restricted, %lu refused, %lu disposed\n", n_orders,
           n_available, n_restricted, n_refused, n_disposed);
}
END_TEST

/* --- order does not matter to the choice, and repeats do not -------------------------------
 */

enum { IN_ALPHABET = IN_AFTER + 1, SPOKEN = IN_ALPHABET + ARRAY_LEN(ALSO) };

static const struct happening *spoken(unsigned i)
{
    return i < IN_ALPHABET ? &ALPHABET[i] : &ALSO[i - IN_ALPHABET];
}

static void permute(struct choice_event *events, size_t at, size_t n, enum choice_state now,
                    enum choice_state then, enum recording_verdict verdict)
{
    if (at == n) {
        ck_assert_int_eq(choice_state_at(events, n, INT64_MAX), now);
        ck_assert_int_eq(choice_state_at(events, n, STARTED), then);
        ck_assert_int_eq(recording_verdict(events, n, STARTED, STOPPED), verdict);
        return;
    }
    for (size_t i = at; i < n; i++) {
        struct choice_event swap = events[at];
        events[at] = events[i];
        events[i] = swap;
        permute(events, at + 1, n, now, then, verdict);
        swap = events[at];
        events[at] = events[i];
        events[i] = swap;
    }
}

START_TEST(every_order_of_a_set_of_events_is_the_same_choice)
{
    unsigned sets = 0;
    for (unsigned set = 1; set < 1u << SPOKEN; set++) {
        struct choice_event events[LENGTH_MAX];
        size_t n = 0;
        if (__builtin_popcount(set) > LENGTH_MAX)
            continue;
        for (unsigned i = 0; i < SPOKEN; i++) {
            if ((set >> i & 1u) != 0)
                events[n++] = said(spoken(i));
        }
        permute(events, 0, n, choice_state_at(events, n, INT64_MAX),
                choice_state_at(events, n, STARTED),
                recording_verdict(events, n, STARTED, STOPPED));
        sets++;
    }
    ck_assert_uint_eq(sets, 9 + 36 + 84 + 126 + 126 + 84);
}
END_TEST

/* The end of an order in which any of its events comes a second time, anywhere later, is the
 * same for the choice; and what has happened to the recording stays with an event said twice.
 */
START_TEST(the_same_event_again_changes_nothing)
{
    static const size_t ORDER[] = {NOTICE_BEFORE, BEGUN, DONE, READ, OUT_AFTER};
    for (size_t again = 0; again < IN_ALPHABET; again++) {
        for (size_t at = 0; at <= ARRAY_LEN(ORDER); at++) {
            struct model once = {.state = RECORDING_EXPECTED}, twice = once;
            bool before = false;
            for (size_t i = 0; i < ARRAY_LEN(ORDER); i++) {
                if (i == at && before)
                    step(&twice, &ALPHABET[again]);
                step(&once, &ALPHABET[ORDER[i]]);
                step(&twice, &ALPHABET[ORDER[i]]);
                before = before || ORDER[i] == again;
            }
            ck_assert_uint_eq(once.n, twice.n);
            ck_assert_int_eq(once.state, twice.state);
        }
    }
}
END_TEST

/* Whoever comes last of opt-out and commit, the recording is the same: not there to be read. */
START_TEST(an_opt_out_and_a_commit_end_alike_in_either_order)
{
    for (size_t out = OUT_BEFORE; out <= OUT_AFTER; out++) {
        struct model first = {.state = RECORDING_EXPECTED}, last = first;
        step(&first, &ALPHABET[NOTICE_BEFORE]);
        step(&last, &ALPHABET[NOTICE_BEFORE]);
        step(&first, &ALPHABET[BEGUN]);
        step(&last, &ALPHABET[BEGUN]);
        step(&first, &ALPHABET[out]);
        step(&first, &ALPHABET[DONE]);
        step(&last, &ALPHABET[DONE]);
        ck_assert_int_eq(last.state, RECORDING_AVAILABLE);
        step(&last, &ALPHABET[out]);
        ck_assert_int_eq(first.state, RECORDING_WAS_REFUSED);
        ck_assert_int_eq(last.state, RECORDING_RESTRICTED);
    }
}
END_TEST

START_TEST(a_hold_blocks_disposal_and_nothing_else)
{
    for (unsigned s = 0; s < RECORDING_STATE_COUNT; s++) {
        for (size_t i = 0; i < LETTERS; i++) {
            struct model plain = {.state = (enum recording_state)s}, held = plain;
            held.held = true;
            step(&plain, &ALPHABET[i]);
            step(&held, &ALPHABET[i]);
            if (ALPHABET[i].sort == DISPOSE)
                ck_assert_int_eq(held.state, (int)s);
            else
                ck_assert_int_eq(held.state, plain.state);
        }
    }
}
END_TEST

START_TEST(every_status_is_a_state)
{
    for (unsigned i = 0; i < ARTEFACT_STATUS_COUNT; i++) {
        enum artefact_status s = (enum artefact_status)i;
        ck_assert_int_eq(recording_status(recording_state_of(s)), s);
    }
    for (unsigned s = 0; s < RECORDING_STATE_COUNT; s++) { /* content is read where it may be */
        enum recording_state next;
        ck_assert_int_eq(recording_next((enum recording_state)s, RECORDING_RETRIEVE,
                                        RECORDING_ALLOWED, &next),
                         s == RECORDING_AVAILABLE);
    }
}
END_TEST

START_TEST(the_page_is_the_tables)
{
    AUTO_CLEAR(buf_clear) struct buf page;
    AUTO_FD int fd = open(TEST_SOURCE_DIR "/docs/recording.md", O_RDONLY | O_CLOEXEC);
    static char on_disk[64 * 1024];
    buf_init(&page, sizeof(on_disk));
    ok(recording_print(&page));
    ck_assert_int_ge(fd, 0);
    ssize_t len = read(fd, on_disk, sizeof(on_disk));
    ck_assert_msg(len == (ssize_t)page.len && memcmp(on_disk, page.data, page.len) == 0,
                  "docs/recording.md is not the tables: recording_tool > docs/recording.md");
}
END_TEST

/* --- the real thing ----------------------------------------------------------------------- */

enum { REAL_NOTICE, REAL_OUT_BEFORE, REAL_IN_BEFORE, REAL_OUT_AFTER, REAL_UPLOAD, REAL_READ };
enum { REAL = 6 };

struct real {
    struct world *w;
    struct uuid claim, assessment, artefact;
    int64_t from, to;
    bool sent, out_before, in_before;
};

static void real_step(struct real *r, unsigned what)
{
    static unsigned salt;
    struct principal ada = claimant("ada"), asim = assessor();
    struct choice_result told;
    struct upload_result result;
    char sound[80];
    int64_t hour = 3600 * MICROS_PER_SECOND;
    switch (what) {
    case REAL_NOTICE:
        ok(world_choose(r->w, &asim, &r->assessment, "notice", r->from - 9 * hour, &told));
        break;
    case REAL_OUT_BEFORE:
        ok(world_choose(r->w, &ada, &r->assessment, "opt_out", r->from - 5 * hour, &told));
        r->out_before = true;
        break;
    case REAL_IN_BEFORE:
        ok(world_choose(r->w, &ada, &r->assessment, "opt_in", r->from - 2 * hour, &told));
        r->in_before = true;
        break;
    case REAL_OUT_AFTER:
        ok(world_choose(r->w, &ada, &r->assessment, "opt_out", r->to + 1, &told));
        break;
    case REAL_UPLOAD: {
        struct upload_request rq = audio_request(&r->claim, &r->assessment, r->from, r->to);
        memcpy(sound, WAV, sizeof(WAV) - 1);
        (void)snprintf(sound + sizeof(WAV) - 1, sizeof(sound) - sizeof(WAV) + 1, "%08u",
                       salt++);
        enum err e = world_upload(r->w, &asim, &rq, sound, sizeof(WAV) - 1 + 8, &result);
        ck_assert(e == ERR_OK ||
                  (e == ERR_REFUSED && err_detail(e) == REFUSAL_RECORDING_OPTED_OUT));
        r->sent = e == ERR_OK;
        if (r->sent)
            r->artefact = result.artefact.id;
        break;
    }
    default:
        if (r->sent) {
            enum err e = world_open_only(r->w, &asim, &r->artefact, PURPOSE_ASSESSMENT);
            ck_assert(e == ERR_OK || e == ERR_REFUSED);
        }
    }
}

static enum artefact_status real_status(struct real *r)
{
    struct artefact_record a;
    struct db *db = NULL;
    ok(db_read_begin(r->w->db, &db));
    ok(artefact_find(db, &r->artefact, &a));
    db_read_end(db);
    return a.status;
}

/* After every step: nothing is available against the choice, and what is not is not read. */
static void real_check(struct real *r)
{
    struct principal asim = assessor();
    if (!r->sent)
        return;
    bool against = r->out_before && !r->in_before;
    bool available = real_status(r) == ARTEFACT_AVAILABLE;
    ck_assert(!(available && against));
    if (!available)
        refused(REFUSAL_NOT_AVAILABLE,
                world_open_only(r->w, &asim, &r->artefact, PURPOSE_ASSESSMENT));
}

/* All six with EG_CAMPAIGN=long, else without the last opt-out. */
static unsigned real_orders, real_available, real_length = REAL - 1;

static void real_run(struct world *w, const struct uuid *claim, const unsigned *order)
{
    struct real r = {.w = w, .claim = *claim, .assessment = world_assessment(w, claim)};
    r.to = clock_now() - 3600 * MICROS_PER_SECOND;
    r.from = r.to - 1800 * MICROS_PER_SECOND;
    for (unsigned i = 0; i < real_length; i++) {
        real_step(&r, order[i]);
        real_check(&r);
    }
    real_orders++;
    real_available += r.sent && real_status(&r) == ARTEFACT_AVAILABLE;
}

static void real_permute(struct world *w, unsigned *order, unsigned at)
{
    if (at == real_length) {
        struct uuid claim = world_claim(w, "ada");
        real_run(w, &claim, order);
        return;
    }
    for (unsigned i = at; i < real_length; i++) {
        unsigned swap = order[at];
        order[at] = order[i];
        order[i] = swap;
        real_permute(w, order, at + 1);
        swap = order[at];
        order[at] = order[i];
        order[i] = swap;
    }
}

START_TEST(every_order_through_the_whole_gateway)
{
    struct world w = {.tiny = NULL};
    unsigned order[REAL] = {REAL_NOTICE, REAL_OUT_BEFORE, REAL_IN_BEFORE,
                            REAL_UPLOAD, REAL_READ,       REAL_OUT_AFTER};
    const char *campaign = getenv("EG_CAMPAIGN");
    bool whole = campaign && strcmp(campaign, "long") == 0;
    real_length = whole ? REAL : REAL - 1;
    world_make(&w, NULL);
    real_permute(&w, order, 0);
    ck_assert_uint_eq(real_orders, whole ? 720 : 120);
    if (whole) /* the opt-out afterwards is in every order */
        ck_assert_uint_eq(real_available, 0);
    else
        ck_assert_uint_gt(real_available, 0);
    world_end(&w);
}
END_TEST

int main(void)
{
    return SUITE_RUN(
        "evidence/recording/machine", no_order_of_six_ends_available_against_an_opt_out,
        every_order_of_a_set_of_events_is_the_same_choice, the_same_event_again_changes_nothing,
        an_opt_out_and_a_commit_end_alike_in_either_order,
        a_hold_blocks_disposal_and_nothing_else, every_status_is_a_state,
        the_page_is_the_tables, every_order_through_the_whole_gateway);
}
