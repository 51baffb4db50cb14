/* The records against the log: what a row says must be what its entry said.
 *
 * Invariants: an erased entry is no evidence against its record; the status of an artefact is
 * the one of its upload entry, changed by what the log says happened to it since, and by
 * nothing else; whether it is under the harm rule likewise. Pages are read in snapshots of
 * their own, so a record and its entries are always of one moment. */
#include "gateway/cmd_log.h"

#include "gateway/base/encode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 64, ENTRIES = 32, ASSESSMENTS_MAX = 200, WORDS_MAX = 200 };

static PRINTF_LIKE(4, 5) void finding(struct log_check *c, const char *kind, uint64_t index,
                                      const char *fmt, ...)
{
    char words[WORDS_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    log_finding(c, kind, index, words);
}

static bool says(const json_t *details, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(details, name));

    return text && strcmp(text, value) == 0;
}

static bool says_id(const json_t *details, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    return says(details, name, text);
}

/* The details of one entry. *out NULL: it is missing (reported) or erased. */
static enum err entry_find(struct log_check *c, struct db *db, uint64_t index,
                           const char *whose, json_t **out)
{
    static const struct ledger_filter any;
    struct ledger_entry entry = {.details = NULL};
    size_t n = 0;

    *out = NULL;
    TRY(ledger_query(db, &any, index == 0 ? UINT64_MAX : index - 1, &entry, 1, &n));
    if (n == 0 || entry.index != index)
        finding(c, "missing", index, "the entry of %s is not there", whose);
    else if (entry.details && json_parse(entry.details, strlen(entry.details), out) != ERR_OK)
        finding(c, "details", index, "the entry of %s is malformed", whose);
    if (n > 0)
        ledger_entry_clear(&entry);
    return ERR_OK;
}

/* --- artefacts -----------------------------------------------------------------------------
 */
struct derived {                     /* from the entries of an artefact */
    char status[SHORT_TEXT_MAX + 1]; /* "": none told of it */
    enum { HARM_UNTOLD, HARM_HIDDEN, HARM_SHOWN } harm;
};

static void harm_follow(const json_t *details, const char *action, struct derived *d)
{
    bool harmful = json_is_true(json_object_get(details, "harmful"));

    if (strcmp(action, "harm.released") == 0)
        d->harm = HARM_SHOWN;
    else if (strcmp(action, "harm.revoked") == 0 ||
             (harmful && strcmp(action, "upload.committed") == 0))
        d->harm = HARM_HIDDEN;
    else if (strcmp(action, "upload.committed") == 0)
        d->harm = HARM_SHOWN;
}

/* What an entry makes of an artefact. */
static void entry_follow(const json_t *details, struct derived *d)
{
    const char *action = json_string_value(json_object_get(details, "action"));
    const char *to = json_string_value(json_object_get(details, "status"));

    if (!action)
        return;
    harm_follow(details, action, d);
    if (strcmp(action, "recording.restricted") == 0)
        to = artefact_status_name(ARTEFACT_RESTRICTED);
    else if (strncmp(action, "read.", 5) == 0 || strcmp(action, "artefact.exported") == 0)
        to = NULL; /* they say what it was */
    if (to)
        (void)snprintf(d->status, sizeof(d->status), "%s", to);
}

/* All entries of an artefact, folded. */
static enum err derive(struct db *db, const struct uuid *artefact, uint64_t from,
                       struct derived *out)
{
    const struct ledger_filter f = {.artefact = artefact};
    uint64_t after = from == 0 ? UINT64_MAX : from - 1;

    *out = (struct derived){.harm = HARM_UNTOLD};
    for (;;) {
        struct ledger_entry entries[ENTRIES];
        size_t n = 0;
        TRY(ledger_query(db, &f, after, entries, ENTRIES, &n));
        for (size_t i = 0; i < n; i++) {
            AUTO(json_free) json_t *details = NULL;
            if (entries[i].details &&
                json_parse(entries[i].details, strlen(entries[i].details), &details) == ERR_OK)
                entry_follow(details, out);
            after = entries[i].index;
            ledger_entry_clear(&entries[i]);
        }
        if (n < ENTRIES)
            return ERR_OK;
    }
}

/* What arrives without a claim is linked to one later, and its upload entry names none. */
static bool claim_fits(const json_t *details, const struct artefact_record *a)
{
    return !json_object_get(details, "claim") || says_id(details, "claim", &a->claim);
}

static void harm_check(struct log_check *c, const struct artefact_record *a, const char *id,
                       const struct derived *d)
{
    if (d->harm != HARM_UNTOLD && (d->harm == HARM_HIDDEN) != a->harmful)
        finding(c, "record", a->ledger_index, "artefact %s is %s the harm rule, not by the log",
                id, a->harmful ? "under" : "not under");
}

/* Its upload's entry was erased: no evidence against it, but what was logged since is. */
static enum err erased_check(struct log_check *c, struct db *db,
                             const struct artefact_record *a, const char *id)
{
    struct derived d;

    TRY(derive(db, &a->id, a->ledger_index, &d));
    if ((d.status[0] || a->status == ARTEFACT_DISPOSED) &&
        strcmp(d.status, artefact_status_name(a->status)) != 0)
        finding(c, "status", a->ledger_index, "artefact %s is %s; by the log it is %s", id,
                artefact_status_name(a->status), d.status[0] ? d.status : "not");
    harm_check(c, a, id, &d);
    return ERR_OK;
}

static enum err artefact_check(struct log_check *c, struct db *db,
                               const struct artefact_record *a)
{
    AUTO(json_free) json_t *details = NULL;
    char id[UUID_TEXT_SIZE], hex[HEX_SIZE(32)];
    struct derived d;

    uuid_format(&a->id, id);
    TRY(entry_find(c, db, a->ledger_index, id, &details));
    if (!details)
        return erased_check(c, db, a, id);
    hex_encode(a->sha256, sizeof(a->sha256), hex);
    if (!says(details, "action", "upload.committed") || !says_id(details, "artefact", &a->id) ||
        !claim_fits(details, a))
        finding(c, "record", a->ledger_index, "it is not the upload of artefact %s", id);
    if (!says(details, "sha256", hex) ||
        (uint64_t)json_integer_value(json_object_get(details, "size")) != a->size)
        finding(c, "record", a->ledger_index,
                "artefact %s has another digest or size than was logged", id);
    TRY(derive(db, &a->id, a->ledger_index, &d));
    if (strcmp(d.status, artefact_status_name(a->status)) != 0)
        finding(c, "status", a->ledger_index, "artefact %s is %s; by the log it is %s", id,
                artefact_status_name(a->status), d.status);
    harm_check(c, a, id, &d);
    return ERR_OK;
}

static enum err artefacts_check(struct log_check *c)
{
    AUTO_FREE struct artefact_record *page = calloc(PAGE, sizeof(*page));
    struct uuid after = {{0}};
    size_t n = 0;

    if (!page)
        return err_set(ERR_NOMEM, "a page of records");
    do {
        AUTO(db_read_end) struct db *db = NULL;
        TRY(db_read_begin(c->o->db, &db));
        TRY(artefact_each(db, &after, page, PAGE, &n));
        for (size_t i = 0; i < n; i++) {
            TRY(artefact_check(c, db, &page[i]));
            after = page[i].id;
            c->records++;
            progress_step(&c->bar, c->records, c->records);
        }
    } while (n > 0);
    return ERR_OK;
}

/* --- choices and consents ------------------------------------------------------------------
 */
static enum err choice_check(struct log_check *c, struct db *db, const struct choice_event *e)
{
    AUTO(json_free) json_t *details = NULL;
    char action[SHORT_TEXT_MAX + 16];

    (void)snprintf(action, sizeof(action), "choice.%s", e->event);
    TRY(entry_find(c, db, e->ledger_index, "a recording choice", &details));
    if (details &&
        (!says(details, "action", action) || !says(details, "event_id", e->event_id) ||
         !says_id(details, "assessment", &e->assessment)))
        finding(c, "record", e->ledger_index, "a recorded choice (%s) is not what was logged",
                e->event);
    return ERR_OK;
}

static enum err consent_check(struct log_check *c, struct db *db,
                              const struct consent_record *r)
{
    AUTO(json_free) json_t *details = NULL;

    TRY(entry_find(c, db, r->ledger_index, "a consent", &details));
    if (details &&
        (!says(details, "action", "consent.recorded") ||
         !says(details, "event_id", r->event_id) || !says_id(details, "claim", &r->claim) ||
         !says(details, "purpose", r->purpose) || !says(details, "decision", r->decision)))
        finding(c, "record", r->ledger_index, "a recorded consent is not what was logged");
    return ERR_OK;
}

struct claim_rows { /* of one claim at a time */
    struct assessment_record assessments[ASSESSMENTS_MAX];
    struct choice_event choices[CHOICE_EVENTS_MAX];
    struct consent_record consents[CHOICE_EVENTS_MAX];
};

static enum err claim_check(struct log_check *c, struct db *db, const struct uuid *claim,
                            struct claim_rows *rows)
{
    size_t assessments = 0, choices = 0, consents = 0;

    TRY(assessment_list(db, claim, rows->assessments, ASSESSMENTS_MAX, &assessments));
    for (size_t a = 0; a < assessments; a++) {
        TRY(choice_list(db, &rows->assessments[a].id, rows->choices, CHOICE_EVENTS_MAX,
                        &choices));
        for (size_t i = 0; i < choices; i++)
            TRY(choice_check(c, db, &rows->choices[i]));
        c->records += choices;
    }
    TRY(consent_list(db, claim, rows->consents, CHOICE_EVENTS_MAX, &consents));
    for (size_t i = 0; i < consents; i++)
        TRY(consent_check(c, db, &rows->consents[i]));
    c->records += consents;
    return ERR_OK;
}

static enum err claims_check(struct log_check *c)
{
    static const struct claim_filter any;
    AUTO_FREE struct claim_record *page = calloc(PAGE, sizeof(*page));
    AUTO_FREE struct claim_rows *rows = calloc(1, sizeof(*rows));
    struct uuid after = {{0}};
    size_t n = 0;

    if (!page || !rows)
        return err_set(ERR_NOMEM, "a page of records");
    do {
        AUTO(db_read_end) struct db *db = NULL;
        TRY(db_read_begin(c->o->db, &db));
        TRY(claim_list(db, &any, &after, page, PAGE, &n));
        for (size_t i = 0; i < n; i++) {
            TRY(claim_check(c, db, &page[i].id, rows));
            after = page[i].id;
        }
        progress_step(&c->bar, c->records, c->records);
    } while (n > 0);
    return ERR_OK;
}

enum err log_check_records(struct log_check *c)
{
    TRY(artefacts_check(c));
    return claims_check(c);
}
