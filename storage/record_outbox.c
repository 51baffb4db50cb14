/* Messages, their ledger of delivery, and contacts.
 *
 * Invariants: a message's state changes only from the one its changer names; steps are
 * appended; what is looked at again is found by an index over `next_at`, however many have
 * ended. Addresses are sealed, and stand nowhere but in the contact: a message names the
 * person.
 */
#include "storage/record_outbox.h"

#include "storage/record.h"
#include "storage/sealed.h"

#include <string.h>

#define COLUMNS                                                                                \
    "id, claim, event, channel, to_issuer, to_subject, about, harmful, occurred_at, due,"      \
    " state, attempts, next_at, provider_id"
#define COLUMN_ADDRESS "claim_contacts.address"

static const char *const state_names[MESSAGE_STATE_COUNT] = {"waiting",   "sending", "sent",
                                                             "delivered", "failed",  "dropped"};

const char *message_state_name(enum message_state s)
{
    assert((unsigned)s < MESSAGE_STATE_COUNT);
    return state_names[s];
}

static const char *const event_names[MESSAGE_EVENT_COUNT] = {
#define X(code, name) [code] = name,
    MESSAGE_EVENT_TABLE(X)
#undef X
};
static const char *const channel_names[MESSAGE_CHANNEL_COUNT] = {"webhook", "sms", "email",
                                                                 "letter"};

const char *message_event_name(enum message_event e)
{
    assert((unsigned)e < MESSAGE_EVENT_COUNT);
    return event_names[e];
}

const char *message_channel_name(enum message_channel c)
{
    assert((unsigned)c < MESSAGE_CHANNEL_COUNT);
    return channel_names[c];
}

/* Its place among the names; `n` if it is none of them. */
static unsigned place_of(const char *name, const char *const *names, unsigned n)
{
    unsigned i = 0;

    while (i < n && strcmp(name, names[i]) != 0)
        i++;
    return i;
}

enum err message_event_parse(const char *name, enum message_event *out)
{
    unsigned i = place_of(name, event_names, MESSAGE_EVENT_COUNT);

    if (i == MESSAGE_EVENT_COUNT)
        return err_set(ERR_INVALID, "nobody is told of that");
    *out = (enum message_event)i;
    return ERR_OK;
}

enum err message_channel_parse(const char *name, enum message_channel *out)
{
    unsigned i = place_of(name, channel_names, MESSAGE_CHANNEL_COUNT);

    if (i == MESSAGE_CHANNEL_COUNT)
        return err_set(ERR_INVALID, "there is no such channel");
    *out = (enum message_channel)i;
    return ERR_OK;
}

/* A column that holds one of the names; 0 and ERR_CORRUPT if it does not. */
static unsigned read_name(struct statement *s, const char *const *names, unsigned n)
{
    char name[SHORT_TEXT_MAX + 1];
    unsigned i;

    read_text(s, name, sizeof(name));
    i = place_of(name, names, n);
    if (s->failed == ERR_OK && i == n)
        s->failed = err_set(ERR_CORRUPT, "a message has an unknown word");
    return i < n ? i : 0;
}

static void read_message(struct statement *s, void *record)
{
    struct message_record *m = record;

    read_uuid(s, &m->id);
    read_uuid(s, &m->claim);
    m->event = (enum message_event)read_name(s, event_names, MESSAGE_EVENT_COUNT);
    m->channel = (enum message_channel)read_name(s, channel_names, MESSAGE_CHANNEL_COUNT);
    read_person(s, &m->to);
    read_uuid(s, &m->about);
    m->harmful = read_bool(s);
    m->occurred_at = read_int(s);
    m->due = read_int(s);
    m->state = (enum message_state)read_name(s, state_names, MESSAGE_STATE_COUNT);
    m->attempts = (unsigned)read_int(s);
    m->next_at = read_int(s);
    read_text(s, m->provider_id, sizeof(m->provider_id));
}

static enum err step_insert(struct db *db, const struct uuid *id, const struct message_step *t)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "INSERT INTO message_steps(message, at, what, detail)"
                        " VALUES(?, ?, ?, ?)"));
    bind_uuid(&s, id);
    bind_int(&s, t->at);
    bind_text(&s, t->what);
    bind_text(&s, t->detail);
    return statement_run(&s);
}

static enum err row_insert(struct db *db, const struct message_record *m)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(
        &s, db, "INSERT INTO messages VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    bind_uuid(&s, &m->id);
    bind_uuid(&s, &m->claim);
    bind_text(&s, message_event_name(m->event));
    bind_text(&s, message_channel_name(m->channel));
    bind_person(&s, &m->to);
    bind_uuid(&s, &m->about);
    bind_bool(&s, m->harmful);
    bind_int(&s, m->occurred_at);
    bind_int(&s, m->due);
    bind_text(&s, message_state_name(m->state));
    bind_int(&s, m->attempts);
    bind_int(&s, m->next_at);
    bind_text(&s, m->provider_id);
    return statement_run(&s);
}

enum err message_insert(struct db *db, const struct message_record *m)
{
    struct message_step first = {.at = m->occurred_at, .what = "received"};

    TRY(row_insert(db, m));
    return step_insert(db, &m->id, &first);
}

enum err message_find(struct db *db, const struct uuid *id, struct message_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db, "SELECT " COLUMNS " FROM messages WHERE id = ?"));
    bind_uuid(&s, id);
    return record_find(&s, read_message, out);
}

enum err message_list_due(struct db *db, bool webhook, int64_t now, struct message_record *out,
                          size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS " FROM messages WHERE next_at > 0 AND next_at <= ?"
                        " AND (channel = 'webhook') = ? ORDER BY next_at LIMIT ?"));
    bind_int(&s, now);
    bind_bool(&s, webhook);
    return record_page(&s, read_message, out, sizeof(*out), max, n);
}

enum err message_list(struct db *db, const struct uuid *claim, const struct uuid *after,
                      struct message_record *out, size_t max, size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " COLUMNS " FROM messages WHERE claim = ? AND id < ?"
                        " ORDER BY id DESC LIMIT ?"));
    bind_uuid(&s, claim);
    bind_before(&s, after);
    return record_page(&s, read_message, out, sizeof(*out), max, n);
}

static enum err row_change(struct db *db, const struct message_record *m,
                           enum message_state from)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "UPDATE messages SET state = ?, attempts = ?, next_at = ?,"
                        " provider_id = ? WHERE id = ? AND state = ?"));
    bind_text(&s, message_state_name(m->state));
    bind_int(&s, m->attempts);
    bind_int(&s, m->next_at);
    bind_text(&s, m->provider_id);
    bind_uuid(&s, &m->id);
    bind_text(&s, message_state_name(from));
    TRY(statement_run(&s));
    return statement_changes(&s) > 0
               ? ERR_OK
               : err_set(ERR_CONFLICT, "the message is no longer %s", message_state_name(from));
}

enum err message_change(struct db *db, const struct message_record *m, enum message_state from,
                        const struct message_step *step)
{
    TRY(row_change(db, m, from));
    return step ? step_insert(db, &m->id, step) : ERR_OK;
}

static void read_step(struct statement *s, void *record)
{
    struct message_step *t = record;

    t->at = read_int(s);
    read_text(s, t->what, sizeof(t->what));
    read_text(s, t->detail, sizeof(t->detail));
}

enum err message_steps(struct db *db, const struct uuid *id,
                       struct message_step out[MESSAGE_STEPS_MAX], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT at, what, detail FROM message_steps WHERE message = ?"
                        " ORDER BY number LIMIT ?"));
    bind_uuid(&s, id);
    return record_page(&s, read_step, out, sizeof(out[0]), MESSAGE_STEPS_MAX, n);
}

enum err message_waiting(struct db *db, uint64_t *n, int64_t *oldest)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT count(*), min(occurred_at) FROM messages WHERE next_at > 0"
                        " AND state IN ('waiting', 'sending')"));
    TRY(statement_find(&s));
    *n = read_u64(&s);
    *oldest = read_int(&s);
    return statement_read(&s);
}

/* --- contacts -------------------------------------------------------------------------------
 */
static void row_of(struct sealed_row *row, const struct contact_record *c)
{
    sealed_row_uuid(row, &c->claim);
    sealed_row_add_text(row, c->person.issuer);
    sealed_row_add_text(row, c->person.subject);
    sealed_row_add_text(row, message_channel_name(c->channel));
}

static enum err contact_insert(struct db *db, const struct contact_record *c)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(&s, db, "INSERT INTO claim_contacts VALUES(?, ?, ?, ?, ?)"));
    row_of(&row, c);
    bind_uuid(&s, &c->claim);
    bind_person(&s, &c->person);
    bind_text(&s, message_channel_name(c->channel));
    bind_sealed(&s, COLUMN_ADDRESS, &row, c->address);
    return statement_run(&s);
}

enum err contact_replace(struct db *db, const struct uuid *claim,
                         const struct contact_record *c, size_t n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    if (n > CONTACTS_MAX)
        return err_set(ERR_TOO_LARGE, "a claim has at most %d contacts", CONTACTS_MAX);
    TRY(statement_begin(&s, db, "DELETE FROM claim_contacts WHERE claim = ?"));
    bind_uuid(&s, claim);
    TRY(statement_run(&s));
    for (size_t i = 0; i < n; i++)
        TRY(contact_insert(db, &c[i]));
    return ERR_OK;
}

static void read_contact(struct statement *s, void *record)
{
    struct contact_record *c = record;
    struct sealed_row row;

    read_uuid(s, &c->claim);
    read_person(s, &c->person);
    c->channel = (enum message_channel)read_name(s, channel_names, MESSAGE_CHANNEL_COUNT);
    row_of(&row, c);
    read_sealed(s, COLUMN_ADDRESS, &row, c->address, sizeof(c->address));
}

#define CONTACT_COLUMNS "claim, issuer, subject, channel, address"

enum err contact_list(struct db *db, const struct uuid *claim,
                      struct contact_record out[CONTACTS_MAX], size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " CONTACT_COLUMNS " FROM claim_contacts WHERE claim = ?"
                        " ORDER BY issuer, subject, channel"));
    bind_uuid(&s, claim);
    return record_list(&s, read_contact, out, sizeof(out[0]), CONTACTS_MAX, n);
}

enum err contact_find(struct db *db, const struct uuid *claim, const struct person *person,
                      enum message_channel channel, struct contact_record *out)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "SELECT " CONTACT_COLUMNS " FROM claim_contacts WHERE claim = ? AND"
                        " issuer = ? AND subject = ? AND channel = ?"));
    bind_uuid(&s, claim);
    bind_person(&s, person);
    bind_text(&s, message_channel_name(channel));
    return record_find(&s, read_contact, out);
}
