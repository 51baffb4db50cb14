/* Assessments, and what was said about recording them.
 *
 * Invariants: choice events are appended, never changed; `position` is the order in which they
 * were recorded. There are at most CHOICE_EVENTS_MAX for an assessment, so that a choice is
 * always judged by all of them.
 */
#include "storage/record.h"

#define ASSESSMENT_COLUMNS                                                                     \
    "id, claim, channel, provider, scheduled_at, created_at, created_by_issuer, "              \
    "created_by_subject"
#define CHOICE_COLUMNS                                                                         \
    "event_id, assessment, event, channel, notice_version, effective_at, recorded_at,"         \
    " by_issuer, by_subject, by_role, on_behalf_of, ledger_index, authority, notice_sha256,"   \
    " policy"

enum err assessment_insert(struct db *db, const struct assessment_record *a)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "INSERT INTO assessments VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &a->id);
    bind_uuid(&s, &a->claim);
    bind_text(&s, a->channel);
    bind_text(&s, a->provider);
    bind_int(&s, a->scheduled_at);
    bind_int(&s, a->created_at);
    bind_person(&s, &a->created_by);
    return statement_run(&s);
}

static void read_assessment(struct statement *s, void *record)
{
    struct assessment_record *a = record;

    read_uuid(s, &a->id);
    read_uuid(s, &a->claim);
    read_text(s, a->channel, sizeof(a->channel));
    read_text(s, a->provider, sizeof(a->provider));
    a->scheduled_at = read_int(s);
    a->created_at = read_int(s);
    read_person(s, &a->created_by);
}

enum err assessment_find(struct db *db, const struct uuid *id, struct assessment_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " ASSESSMENT_COLUMNS " FROM assessments WHERE id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_assessment, out);
}

enum err assessment_list(struct db *db, const struct uuid *claim, struct assessment_record *out,
                         size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " ASSESSMENT_COLUMNS
                        " FROM assessments WHERE claim = ? ORDER BY id DESC LIMIT ?"));
    bind_uuid(&s, claim);
    return record_page(&s, read_assessment, out, sizeof(*out), max, n);
}

/* --- choices ------------------------------------------------------------------------------ */
enum err choice_insert(struct db *db, const struct choice_event *e)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db,
        "INSERT INTO choice_events SELECT ?1, 1 + coalesce(max(position), 0), ?2, ?3, ?4, ?5, "
        "?6, ?7, ?8,"
        " ?9, ?10, ?11, ?12, ?13, ?14, ?15 FROM choice_events WHERE assessment = ?1"
        " HAVING coalesce(max(position), 0) < ?16 OR EXISTS"
        " (SELECT 1 FROM choice_events WHERE assessment = ?1 AND event_id = ?2)"));
    bind_uuid(&s, &e->assessment);
    bind_text(&s, e->event_id);
    bind_text(&s, e->event);
    bind_text(&s, e->channel);
    bind_text(&s, e->notice_version);
    bind_int(&s, e->effective_at);
    bind_int(&s, e->recorded_at);
    bind_person(&s, &e->by);
    bind_text(&s, e->by_role);
    bind_text(&s, e->on_behalf_of);
    bind_u64(&s, e->ledger_index);
    bind_text(&s, e->authority);
    if (e->has_notice_sha256)
        bind_blob(&s, e->notice_sha256, sizeof(e->notice_sha256));
    else
        bind_null(&s);
    bind_blob(&s, e->policy, sizeof(e->policy));
    bind_int(&s, CHOICE_EVENTS_MAX);
    TRY(statement_run(&s));
    return statement_changes(&s) > 0
               ? ERR_OK
               : err_set(ERR_TOO_LARGE, "an assessment has at most %d choice events",
                         CHOICE_EVENTS_MAX);
}

static void read_choice(struct statement *s, void *record)
{
    struct choice_event *e = record;

    read_text(s, e->event_id, sizeof(e->event_id));
    read_uuid(s, &e->assessment);
    read_text(s, e->event, sizeof(e->event));
    read_text(s, e->channel, sizeof(e->channel));
    read_text(s, e->notice_version, sizeof(e->notice_version));
    e->effective_at = read_int(s);
    e->recorded_at = read_int(s);
    read_person(s, &e->by);
    read_text(s, e->by_role, sizeof(e->by_role));
    read_text(s, e->on_behalf_of, sizeof(e->on_behalf_of));
    e->ledger_index = read_u64(s);
    read_text(s, e->authority, sizeof(e->authority));
    e->has_notice_sha256 = !read_is_null(s);
    read_blob(s, e->notice_sha256, sizeof(e->notice_sha256));
    read_blob(s, e->policy, sizeof(e->policy));
}

enum err choice_find(struct db *db, const struct uuid *assessment, const char *event_id,
                     struct choice_event *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " CHOICE_COLUMNS
                        " FROM choice_events WHERE assessment = ? AND event_id = ?"));
    bind_uuid(&s, assessment);
    bind_text(&s, event_id);
    return record_find(&s, read_choice, out);
}

enum err choice_list(struct db *db, const struct uuid *assessment, struct choice_event *out,
                     size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " CHOICE_COLUMNS
                        " FROM choice_events WHERE assessment = ? ORDER BY position LIMIT ?"));
    bind_uuid(&s, assessment);
    return record_page(&s, read_choice, out, sizeof(*out), max, n);
}
