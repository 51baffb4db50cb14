/* The log's details are turned into what the caller may see by one table of members: what
 * stands in no row stays inside. Entries about harmful artefacts are left out whole for those
 * the harm rule keeps them from: no gap, no count, no id tells of them. */
#include "gateway/evidence/claims/history.h"

#include "gateway/evidence/internal.h"
#include "gateway/evidence/rules/authority.h"
#include "storage/record_audit.h"

#include <stdlib.h>
#include <string.h>

/* Members that are shown as they are. */
static const char *const SHOWN[] = {
    "artefact",     "kind",           "purpose",    "reason",
    "size",         "sha256",         "assessment", "effective_at",
    "channel",      "notice_version", "decision",   "statement_version",
    "linked_claim", "status",         "served",     "on_behalf_of",
    "stage",        "session",        "event_id",   "upload",
    "form",         "linked_by",      "identity",
    "bundle",       "transfer",       "received_at",
    "request",      "from_role",      "functional", "due",
    "late",         "until",
    "authority",    "notice_sha256",  "incident",   "count",
};

/* Entries of these actions show up in no claim's history: they are the auditor's. */
static bool hidden_action(const char *action)
{
    return strcmp(action, "read.denied") == 0 || strcmp(action, "audit.read") == 0;
}

/* What staff decide about the harm rule is theirs. */
static bool staffs_action(const char *action)
{
    return strncmp(action, "harm.", strlen("harm.")) == 0 ||
           strncmp(action, "hold.", strlen("hold.")) == 0;
}

/* And of these only in what its owner sees: that something was started, and did not arrive. */
static bool owners_action(const char *action)
{
    static const char *const OWNERS[] = {"upload.broken", "upload.started", "upload.expired",
                                         "upload.terminated"};
    for (size_t i = 0; i < ARRAY_LEN(OWNERS); i++) {
        if (strcmp(action, OWNERS[i]) == 0)
            return true;
    }
    return false;
}

static bool reads(const struct ledger_entry *e, json_t **details)
{
    *details = NULL;
    return e->details && json_parse(e->details, strlen(e->details), details) == ERR_OK;
}

static void put_actor(json_t *event, json_t *details, const char *me, bool staff)
{
    const char *actor = json_string_value(json_object_get(details, "actor"));
    const char *role = json_string_value(json_object_get(details, "role"));
    if (!actor)
        return;
    json_t *by = json_object();
    if (role)
        json_put_text(by, "role", role);
    json_put_bool(by, "me", strcmp(actor, me) == 0);
    if (staff)
        json_put_text(by, "actor", actor);
    json_put(event, "by", by);
}

struct viewer {
    struct db *db;
    char me[ACTOR_MAX], claim[UUID_TEXT_SIZE];
    bool staff, harmful, own_harmful;
};

/* What staff write about these is not for everybody. */
static bool staffs_reason(const char *action)
{
    static const char *const PREFIXES[] = {"lease.", "link.", "restriction.", "disposal.",
                                           "artefact.disposed"};
    for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++) {
        if (strncmp(action, PREFIXES[i], strlen(PREFIXES[i])) == 0)
            return true;
    }
    return false;
}

/* Whose claim a letter strayed to, and what staff wrote about it, is not told to those whose
 * claim it is not. */
static bool may_see(const struct viewer *v, const char *action, const char *member,
                    const json_t *value)
{
    const char *text = json_string_value(value);
    if (v->staff)
        return true;
    if (strcmp(member, "linked_claim") == 0)
        return text && strcmp(text, v->claim) == 0;
    return strcmp(member, "reason") != 0 || !staffs_reason(action);
}

static json_t *event_of(const struct ledger_entry *e, json_t *details, const struct viewer *v)
{
    const char *action = json_string_value(json_object_get(details, "action"));
    json_t *event = json_object();
    json_put_int(event, "entry", (json_int_t)e->index);
    json_put_time(event, "time", e->time);
    json_put_text(event, "event", action);
    put_actor(event, details, v->me, v->staff);
    for (size_t i = 0; i < ARRAY_LEN(SHOWN); i++) {
        json_t *value = json_object_get(details, SHOWN[i]);
        if (value && may_see(v, action, SHOWN[i], value))
            json_object_set(event, SHOWN[i], value);
    }
    return event;
}

/* What the gateway does by itself names whose it is. */
static bool is_owner(const struct viewer *v, const json_t *details, const char *actor)
{
    const char *owner = json_string_value(json_object_get(details, "owner"));
    const char *whose = owner ? owner : actor;
    return whose && strcmp(whose, v->me) == 0;
}

/* The rule as it stands now: a release shows an artefact's whole history, and a revocation hides
 * what was told meanwhile. What is not known counts as harmful. */
static bool is_harmful(const struct viewer *v, const json_t *details)
{
    const char *text = json_string_value(json_object_get(details, "artefact"));
    bool told = json_is_true(json_object_get(details, "harmful"));
    struct artefact_record artefact;
    struct harm_release release;
    struct uuid id;
    if (!text || uuid_parse(text, &id) != ERR_OK)
        return told;
    enum err found = artefact_find(v->db, &id, &artefact);
    if (found == ERR_NOT_FOUND)
        return told;
    if (found != ERR_OK || artefact.harmful)
        return true;
    return told && (harm_release_find(v->db, &id, &release) != ERR_OK || release.revoked_at);
}

static bool concerns_viewer(const struct viewer *v, json_t *details)
{
    const char *action = json_string_value(json_object_get(details, "action"));
    const char *actor = json_string_value(json_object_get(details, "actor"));
    if (!action || hidden_action(action))
        return false;
    if (owners_action(action) && !is_owner(v, details, actor))
        return false;
    if (staffs_action(action) && !v->staff)
        return false;
    if (v->harmful || !is_harmful(v, details))
        return true;
    return v->own_harmful && actor && strcmp(actor, v->me) == 0;
}

/* Adds what the viewer may see until `limit` events are there; *last is the last entry looked
 * at. */
static void page_show(const struct viewer *v, struct ledger_entry *page, size_t n, size_t limit,
                      json_t *events, uint64_t *last)
{
    for (size_t i = 0; i < n; i++) {
        AUTO(json_free) json_t *details = NULL;
        if (json_array_size(events) < limit) {
            if (reads(&page[i], &details) && concerns_viewer(v, details))
                (void)json_array_append_new(events, event_of(&page[i], details, v));
            *last = page[i].index;
        }
        ledger_entry_clear(&page[i]);
    }
}

/* Pages are filled with what is shown, so that a short page does not tell of what is hidden. */
static enum err events_collect(struct db *db, const struct uuid *claim, const struct viewer *v,
                               uint64_t after, size_t limit, json_t *events, uint64_t *next)
{
    AUTO_FREE struct ledger_entry *page = calloc(HISTORY_PAGE_MAX, sizeof(*page));
    struct ledger_filter filter = {.claim = claim};
    size_t n = HISTORY_PAGE_MAX;
    if (!page || !events)
        return err_set(ERR_NOMEM, "history");
    while (n == HISTORY_PAGE_MAX && json_array_size(events) < limit) {
        TRY(ledger_query(db, &filter, after, page, HISTORY_PAGE_MAX, &n));
        page_show(v, page, n, limit, events, &after);
    }
    *next = json_array_size(events) == limit ? after : UINT64_MAX;
    return ERR_OK;
}

enum err history_of_claim(struct evidence *ev, const struct principal *p,
                          const struct uuid *claim, uint64_t after, size_t limit,
                          json_t **events, uint64_t *next)
{
    AUTO(db_read_end) struct db *db = NULL;
    struct claim_record record;
    struct viewer viewer;
    uint32_t relations = 0;
    TRY(db_read_begin(ev->parts.db, &db));
    viewer.db = db;
    TRY(authority_claim(db, claim, p, ACTION_CLAIM_HISTORY, &record, &relations, NULL));
    actor_text(p, viewer.me);
    uuid_format(claim, viewer.claim);
    viewer.harmful = permission_sees_harmful(p, relations);
    viewer.own_harmful = authority_sees_own_harmful(p, relations);
    viewer.staff = (relations & (REL_CLAIMANT | REL_APPOINTEE | REL_PARTY)) == 0;
    *events = json_array();
    return events_collect(db, claim, &viewer, after,
                          limit < HISTORY_PAGE_MAX ? limit : HISTORY_PAGE_MAX, *events, next);
}
