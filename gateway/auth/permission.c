/* The one place that says who may do what: a walk over permission.def.
 *
 * Invariants: every row of the caller's roles is looked at, whatever the others said; a row is
 * asked in the order relation, harm, status, purpose, so that a thing that must not be known
 * never answers with its status; the best verdict counts, but whoever stands to the claim as
 * claimant or representative never meets a harmful artefact through another role, save one
 * they sent in that other role themselves. */
#include "gateway/auth/permission.h"

#include "gateway/base/buf.h"

#include <string.h>

/* The bits of enum artefact_status (storage/records.h), which this layer may not include; a
 * test holds the two together. */
enum { STATUS_AVAILABLE = 2, STATUS_RESTRICTED = 4, STATUS_REFUSED = 5 };

#define ANY_STATUS UINT32_MAX
#define AVAILABLE (1u << STATUS_AVAILABLE)
#define RESTRICTED (1u << STATUS_RESTRICTED)
#define NOT_REFUSED (~(1u << STATUS_REFUSED))
#define FOR(purpose) (1u << PURPOSE_##purpose)
#define NO_PURPOSE 0u
#define OWN_PURPOSE FOR(OWN)
#define CAN(action) (UINT64_C(1) << ACTION_##action)

_Static_assert(ACTION_COUNT <= 64, "actions are bits of a uint64_t");

struct row {
    enum role role;
    uint32_t relations, statuses;
    enum { HARM_HIDDEN, HARM_SEEN } harm;
    uint32_t purposes;
    uint64_t actions;
};

static const struct row table[] = {
#define ROW(r, rel, st, harm, pu, act) {r, rel, st, harm, pu, act},
#include "gateway/auth/permission.def"
#undef ROW
};

static const char *const action_names[ACTION_COUNT] = {
#define X(action, name) [action] = name,
    ACTION_TABLE(X)
#undef X
};

static const char *const purpose_names[PURPOSE_COUNT] = {
    [PURPOSE_NONE] = "none",
    [PURPOSE_DECISION] = "decision",
    [PURPOSE_ASSESSMENT] = "assessment",
    [PURPOSE_APPEAL] = "appeal",
    [PURPOSE_AUDIT] = "audit",
    [PURPOSE_SUBJECT_ACCESS] = "subject_access",
    [PURPOSE_OWN] = "own",
};

static struct permission_options options;

void permission_configure(const struct permission_options *o)
{
    options = *o;
}

const char *action_name(enum action a)
{
    assert(a < ACTION_COUNT);
    return action_names[a];
}

const char *purpose_name(enum purpose p)
{
    assert(p < PURPOSE_COUNT);
    return purpose_names[p];
}

enum err purpose_parse(const char *name, enum purpose *out)
{
    for (unsigned i = PURPOSE_NONE + 1; i < PURPOSE_OWN; i++) {
        if (strcmp(purpose_names[i], name) == 0) {
            *out = (enum purpose)i;
            return ERR_OK;
        }
    }
    return err_set(ERR_INVALID, "there is no such purpose");
}

static bool row_relates(const struct row *row, uint32_t relations)
{
    relations |= REL_ANY;
    if (row->role == ROLE_ASSESSOR && options.assessors_any_claim)
        relations |= REL_ASSIGNED;
    return (row->relations & ~relations) == 0;
}

/* True if the harm rule holds for this caller whatever roles they come with today. Party "as a
 * representative" is read widely: the role and a party's authority are enough. */
static bool harm_rule_binds(const struct principal *p, uint32_t relations)
{
    return (relations & (REL_CLAIMANT | REL_APPOINTEE | REL_REPRESENTATIVE | REL_BOUND)) != 0 ||
           ((relations & REL_PARTY) != 0 && principal_has(p, ROLE_REPRESENTATIVE));
}

static bool row_shows_harmful(const struct row *row, bool bound)
{
    return row->harm == HARM_SEEN && (!bound || (row->relations & REL_UPLOADER) != 0);
}

static enum permission row_verdict(const struct row *row, const struct access *a, bool bound)
{
    /* Sending something in shows nothing: there only the row decides. */
    bool rule = bound && a->action != ACTION_ARTEFACT_CREATE;

    if (!row_relates(row, a->relations))
        return DENY_HIDDEN;
    if (a->harmful && !row_shows_harmful(row, rule))
        return DENY_HIDDEN;
    if ((row->statuses >> a->status & 1u) == 0)
        return DENY_STATUS;
    if (row->purposes == NO_PURPOSE || row->purposes == OWN_PURPOSE)
        return PERMIT;
    return (row->purposes >> a->purpose & 1u) != 0 ? PERMIT : DENY_PURPOSE;
}

/* Smaller is better. */
static int rank_of(enum permission v)
{
    static const int rank[] = {
        [PERMIT] = 0, [DENY_PURPOSE] = 1, [DENY_STATUS] = 2, [DENY_HIDDEN] = 3, [DENY_ROLE] = 4,
    };

    return rank[v];
}

enum permission permission_check(const struct principal *p, const struct access *a,
                                 enum role *role_used, enum purpose *purpose_used)
{
    bool bound = harm_rule_binds(p, a->relations);
    enum permission best = DENY_ROLE;

    assert(a->action < ACTION_COUNT && a->status <= PERMISSION_NO_ARTEFACT);
    assert(a->purpose < PURPOSE_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct row *row = &table[i];
        enum permission v;

        if (!principal_has(p, row->role) || (row->actions >> a->action & 1u) == 0)
            continue;
        v = row_verdict(row, a, bound);
        if (rank_of(v) >= rank_of(best))
            continue;
        best = v;
        if (v == PERMIT && role_used != NULL)
            *role_used = row->role;
        if (v == PERMIT && purpose_used != NULL)
            *purpose_used = row->purposes == OWN_PURPOSE ? PURPOSE_OWN : a->purpose;
    }
    return best;
}

bool permission_sees_harmful(const struct principal *p, uint32_t relations)
{
    /* That one of them is the caller's own says nothing about the others of the list. */
    uint32_t to_the_claim = relations & ~(uint32_t)REL_UPLOADER;
    bool bound = harm_rule_binds(p, relations);

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct row *row = &table[i];

        if (principal_has(p, row->role) && (row->actions & CAN(ARTEFACT_LIST)) != 0 &&
            row_relates(row, to_the_claim) && row_shows_harmful(row, bound))
            return true;
    }
    return false;
}

/* --- the page of the docs ------------------------------------------------------------------
 */

static const char page_head[] =
    "# Who may do what\n"
    "\n"
    "Printed from `gateway/auth/permission.def`; a test keeps the two equal.\n"
    "\n"
    "A row permits; what no row permits is denied. A caller with several roles has the rows "
    "of\n"
    "all of them, but whoever is the claimant of a claim, or a representative on it, never "
    "meets\n"
    "a harmful artefact of that claim through another role, save one they sent in that other\n"
    "role themselves. The operator has no row. An artefact's kind narrows further who may "
    "send\n"
    "it.\n"
    "\n"
    "- **any claim**: no relation is asked for; **claimant**: the claim is the caller's own,\n"
    "  until the claimant's death is on record;\n"
    "  **appointee**, **representative** (appointees too), **party**: a party of the claim in\n"
    "  that role whose authority is valid now, and whose scope covers the action (`Party` in\n"
    "  [openapi.yaml](openapi.yaml) says what scopes are). One appointee acts at a time. What\n"
    "  began before the claimant's death ends with it, a parent's or an appointee's authority\n"
    "  for a child with the sixteenth birthday;\n"
    "  **assigned**: the claim is assigned to the caller or names them as assessor (where\n"
    "  `assessors_any_claim` is set, every claim counts as assigned to an assessor);\n"
    "  **uploader**: the caller sent it; **sampled**: it is in an audit sample whose reading is\n"
    "  open to the caller now.\n"
    "- **harmful**: whether artefacts under the harm rule are there at all.\n"
    "- **purpose**: what staff state when they read; *own* is never stated, *-* is not asked\n"
    "  for.\n"
    "\n"
    "Denials, the mildest first: no or a wrong purpose, not in the artefact's present status,\n"
    "not the caller's (as if it did not exist), no such row for the caller's roles.\n"
    "\n"
    "| role | relation | status | harmful | purpose | may |\n"
    "|---|---|---|---|---|---|\n";

static const char *status_words(uint32_t statuses)
{
    if (statuses == ANY_STATUS)
        return "any";
    if (statuses == RESTRICTED)
        return "restricted";
    return statuses == AVAILABLE ? "available" : "any but refused";
}

/* The names of the bits that are set, joined. */
static enum err print_bits(struct buf *out, uint64_t bits, const char *const *names, unsigned n,
                           const char *quote, const char *join)
{
    bool first = true;

    for (unsigned i = 0; i < n; i++) {
        if ((bits >> i & 1u) == 0)
            continue;
        TRY(buf_printf(out, "%s%s%s%s", first ? "" : join, quote, names[i], quote));
        first = false;
    }
    return ERR_OK;
}

static enum err print_row(struct buf *out, const struct row *row)
{
    static const char *const relations[] = {"any claim", "claimant", "appointee",     "party",
                                            "assigned",  "uploader", "representative",
                                            "sampled"};

    TRY(buf_printf(out, "| %s | ", role_name(row->role)));
    TRY(print_bits(out, row->relations, relations, ARRAY_LEN(relations), "", " and "));
    TRY(buf_printf(out, " | %s | %s | ", status_words(row->statuses),
                   row->harm == HARM_SEEN ? "yes" : "no"));
    if (row->purposes == NO_PURPOSE)
        TRY(buf_append_str(out, "-"));
    TRY(print_bits(out, row->purposes, purpose_names, PURPOSE_COUNT, "", " or "));
    TRY(buf_append_str(out, " | "));
    TRY(print_bits(out, row->actions, action_names, ACTION_COUNT, "`", ", "));
    return buf_append_str(out, " |\n");
}

enum err permission_print(struct buf *out)
{
    TRY(buf_append_str(out, page_head));
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        TRY(print_row(out, &table[i]));
    return ERR_OK;
}
