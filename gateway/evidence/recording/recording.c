/* Two walks over two tables. Nothing here knows of a database or a clock, so that a test can
 * run every order of events through the very functions that decide (test_machine.c).
 */
#include "gateway/evidence/recording/recording.h"

#include <stdlib.h>
#include <string.h>

/* --- the choice --------------------------------------------------------------------------- */

/* In the order in which events of one moment take effect. */
enum choice_kind { CHOICE_KIND_NOTICE, CHOICE_KIND_OPT_IN, CHOICE_KIND_OPT_OUT, CHOICE_KINDS };
enum { CHOICE_STATES = CHOICE_OPTED_OUT_UNTOLD + 1 };

static const char *const KIND_NAMES[CHOICE_KINDS] = {"notice", "opt_in", "opt_out"};
static const char *const CHOICE_NAMES[CHOICE_STATES] = {"no_notice", "noticed", "opted_out",
                                                        "opted_out"};

static const struct choice_row {
    enum choice_state state;
    enum choice_kind kind;
    enum choice_state next;
    const char *words;
} CHOICES[] = {
#define CHOICE(s, e, n, w) {CHOICE_##s, CHOICE_KIND_##e, CHOICE_##n, w},
#include "gateway/evidence/recording/machine.def"
};
_Static_assert(ARRAY_LEN(CHOICES) == (size_t)CHOICE_STATES * CHOICE_KINDS,
               "every state with every event");

const char *choice_state_name(enum choice_state s)
{
    assert((unsigned)s < CHOICE_STATES);
    return CHOICE_NAMES[s];
}

static bool kind_of(const char *name, enum choice_kind *out)
{
    for (unsigned i = 0; i < CHOICE_KINDS; i++) {
        if (strcmp(name, KIND_NAMES[i]) == 0) {
            *out = (enum choice_kind)i;
            return true;
        }
    }
    return false;
}

bool choice_event_known(const char *name)
{
    enum choice_kind kind;
    return kind_of(name, &kind);
}

static enum choice_state choice_next(enum choice_state state, enum choice_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(CHOICES); i++) {
        if (CHOICES[i].state == state && CHOICES[i].kind == kind)
            return CHOICES[i].next;
    }
    abort(); /* the table has them all */
}

struct effect {
    int64_t at;
    enum choice_kind kind;
};

static int effect_order(const void *a, const void *b)
{
    const struct effect *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

enum choice_state choice_state_at(const struct choice_event *events, size_t n, int64_t at)
{
    struct effect effects[CHOICE_EVENTS_MAX];
    enum choice_state state = CHOICE_NO_NOTICE;
    size_t found = 0;
    assert(n <= CHOICE_EVENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        effects[found].at = events[i].effective_at;
        if (events[i].effective_at <= at && kind_of(events[i].event, &effects[found].kind))
            found++;
    }
    qsort(effects, found, sizeof(*effects), effect_order);
    for (size_t i = 0; i < found; i++)
        state = choice_next(state, effects[i].kind);
    return state;
}

/* --- the recording ------------------------------------------------------------------------ */

enum recording_verdict recording_verdict(const struct choice_event *events, size_t n,
                                         int64_t started, int64_t stopped)
{
    enum choice_state at_start = choice_state_at(events, n, started);
    if (choice_is_out(at_start) || choice_is_out(choice_state_at(events, n, INT64_MAX)))
        return RECORDING_REFUSED;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(events[i].event, KIND_NAMES[CHOICE_KIND_OPT_OUT]) == 0 &&
            events[i].effective_at >= started && events[i].effective_at <= stopped)
            return RECORDING_REFUSED;
    }
    return at_start == CHOICE_NOTICED ? RECORDING_ALLOWED : RECORDING_QUARANTINED;
}

/* In the order of enum recording_state; beside each the status of its artefact. */
static const struct state_name {
    const char *name;
    enum artefact_status status;
} STATES[RECORDING_STATE_COUNT] = {
    {"expected", ARTEFACT_STATUS_COUNT},
    {"receiving", ARTEFACT_RECEIVING},
    {"quarantined", ARTEFACT_QUARANTINED},
    {"available", ARTEFACT_AVAILABLE},
    {"could_not_scan", ARTEFACT_COULD_NOT_SCAN},
    {"restricted", ARTEFACT_RESTRICTED},
    {"refused", ARTEFACT_REFUSED},
    {"disposed", ARTEFACT_DISPOSED},
};
static const char *const ACTS[RECORDING_ACT_COUNT] = {"start",    "commit", "clear", "decide",
                                                      "opt_out",  "opt_in", "hide",  "lift",
                                                      "retrieve", "dispose"};

/* The names that the table uses. */
enum {
    STATE_EXPECTED = RECORDING_EXPECTED,
    STATE_RECEIVING = RECORDING_RECEIVING,
    STATE_QUARANTINED = RECORDING_IN_QUARANTINE,
    STATE_AVAILABLE = RECORDING_AVAILABLE,
    STATE_COULD_NOT_SCAN = RECORDING_COULD_NOT_SCAN,
    STATE_RESTRICTED = RECORDING_RESTRICTED,
    STATE_REFUSED = RECORDING_WAS_REFUSED,
    STATE_DISPOSED = RECORDING_DISPOSED,
};
enum {
    ALLOWED = 1u << RECORDING_ALLOWED,
    UNPROVED = 1u << RECORDING_QUARANTINED,
    OPTED_OUT = 1u << RECORDING_REFUSED,
    ANYWAY = ALLOWED | UNPROVED | OPTED_OUT,
};

static const struct recording_row {
    unsigned state, act, when, next;
    const char *words;
} RECORDINGS[] = {
#define RECORDING(s, a, v, n, w) {STATE_##s, RECORDING_##a, v, STATE_##n, w},
#include "gateway/evidence/recording/machine.def"
};

enum recording_state recording_state_of(enum artefact_status s)
{
    for (unsigned i = RECORDING_RECEIVING; i < RECORDING_STATE_COUNT; i++) {
        if (STATES[i].status == s)
            return (enum recording_state)i;
    }
    abort(); /* every status is one */
}

enum artefact_status recording_status(enum recording_state s)
{
    assert(s > RECORDING_EXPECTED && s < RECORDING_STATE_COUNT);
    return STATES[s].status;
}

bool recording_next(enum recording_state state, enum recording_act act,
                    enum recording_verdict verdict, enum recording_state *next)
{
    *next = state;
    for (size_t i = 0; i < ARRAY_LEN(RECORDINGS); i++) {
        const struct recording_row *row = &RECORDINGS[i];
        if (row->state == state && row->act == act && (row->when >> verdict & 1u) != 0) {
            *next = (enum recording_state)row->next;
            return true;
        }
    }
    return false;
}

/* --- the page of the docs ----------------------------------------------------------------- */

static const char PAGE_HEAD[] =
    "# The recording choice and the recording\n"
    "\n"
    "Printed from `gateway/evidence/recording/machine.def`; a test keeps the two equal.\n"
    "\n"
    "## The choice\n"
    "\n"
    "One for each assessment. The state at a moment is this machine run over the events\n"
    "effective by then, in order of `effective_at`: the order in which they were recorded "
    "does\n"
    "not matter, and the same event again (`event_id`) changes nothing. Of one moment's events "
    "a\n"
    "notice comes first and an opt-out last, so an opt-out wins its moment. Who may record "
    "one:\n"
    "[permissions.md](permissions.md), `choice.notice` and `choice.set`. After the claimant's\n"
    "death nothing is taken that became effective later.\n"
    "\n"
    "| state | event | next | |\n"
    "|---|---|---|---|\n";

static const char PAGE_MIDDLE[] =
    "\n"
    "`opted_out` without a notice is shown as `opted_out`.\n"
    "\n"
    "## The recording\n"
    "\n"
    "What has no row does not happen: the recording stays as it is. *When* is what the choice\n"
    "says of the recording from `recording_started_at` to `recording_stopped_at`, asked again\n"
    "inside the commit of the very act:\n"
    "\n"
    "- **opted out**: opted out at its start, or an opt-out became effective before its end,\n"
    "  or the claimant is opted out now;\n"
    "- **no proof**: no notice was effective at its start;\n"
    "- **allowed**: else.\n"
    "\n"
    "A legal hold changes no state; it blocks *dispose*. An opt-in has no row: from then on "
    "the\n"
    "choice allows, and nothing older is released by it. An opt-out that was effective before\n"
    "the end of a recording that is already there raises an incident as well.\n"
    "\n"
    "| state | what happens | when | next | |\n"
    "|---|---|---|---|---|\n";

static const char PAGE_END[] =
    "\n"
    "No order of events ends with a recording that is available and an opt-out effective at "
    "or\n"
    "before its start; `tests/unit/evidence/recording/test_machine.c` runs every order of up "
    "to\n"
    "six events through these tables.\n";

static const char *when_words(unsigned when)
{
    switch (when) {
    case ALLOWED:
        return "allowed";
    case UNPROVED:
        return "no proof";
    case OPTED_OUT:
        return "opted out";
    case ALLOWED | UNPROVED:
        return "allowed, no proof";
    default:
        return "";
    }
}

enum err recording_print(struct buf *out)
{
    TRY(buf_append_str(out, PAGE_HEAD));
    for (size_t i = 0; i < ARRAY_LEN(CHOICES); i++) {
        const struct choice_row *r = &CHOICES[i];
        const char *told[] = {"", "", "", " (not told)"};
        TRY(buf_printf(out, "| %s%s | %s | %s%s | %s |\n", CHOICE_NAMES[r->state],
                       told[r->state], KIND_NAMES[r->kind], CHOICE_NAMES[r->next],
                       told[r->next], r->words));
    }
    TRY(buf_append_str(out, PAGE_MIDDLE));
    for (size_t i = 0; i < ARRAY_LEN(RECORDINGS); i++) {
        const struct recording_row *r = &RECORDINGS[i];
        TRY(buf_printf(out, "| %s | %s | %s | %s | %s |\n", STATES[r->state].name, ACTS[r->act],
                       when_words(r->when), STATES[r->next].name, r->words));
    }
    return buf_append_str(out, PAGE_END);
}
