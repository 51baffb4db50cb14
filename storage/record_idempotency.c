/* Answers kept for clients that repeat themselves. Invariant: an expired key is as good as
 * free, whether it was swept or not. */
#include "storage/record.h"
#include "storage/record_keeping.h"
#include "storage/sealed.h"

#include "gateway/base/clock.h"

#include <string.h>

enum { SWEEP_ROWS = 1000 }; /* at once: nobody waits long behind a sweep */

#define COLUMN_ANSWER "idempotency_keys.answer"

static void row_of(struct sealed_row *row, const struct person *client, const char *key)
{
    row->len = 0;
    sealed_row_add_text(row, client->issuer);
    sealed_row_add_text(row, client->subject);
    sealed_row_add_text(row, key);
}

enum err idempotency_insert(struct db *db, const struct idempotency_record *r,
                            const void *answer, size_t len)
{
    AUTO_CLEAR(statement_end) struct statement s = {0};
    struct sealed_row row;

    if (len > IDEMPOTENCY_ANSWER_MAX)
        return err_set(ERR_TOO_LARGE, "the answer is too large to be kept");
    TRY(statement_begin(
        &s, db,
        "INSERT INTO idempotency_keys(issuer, subject, key, fingerprint, status, expires_at,"
        " answer, sealed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)"
        " ON CONFLICT(issuer, subject, key) DO UPDATE SET fingerprint = ?4, status = ?5,"
        " expires_at = ?6, answer = ?7, sealed = 1 WHERE idempotency_keys.expires_at <= ?8"));
    bind_person(&s, &r->client);
    bind_text(&s, r->key);
    bind_blob(&s, r->fingerprint, sizeof(r->fingerprint));
    bind_int(&s, r->status);
    bind_int(&s, r->expires_at);
    row_of(&row, &r->client, r->key);
    bind_passing(&s, COLUMN_ANSWER, &row, answer, len);
    bind_int(&s, clock_now());
    TRY(statement_run(&s));
    return statement_changes(&s) > 0 ? ERR_OK
                                     : err_set(ERR_EXISTS, "the idempotency key is taken");
}

enum err idempotency_find(struct db *db, const struct person *client, const char *key,
                          int64_t now, struct idempotency_record *out, struct buf *answer)
{
    AUTO_CLEAR(statement_end) struct statement s;
    struct sealed_row row;

    TRY(statement_begin(&s, db,
                        "SELECT issuer, subject, key, fingerprint, status, expires_at, sealed,"
                        " answer FROM idempotency_keys"
                        " WHERE issuer = ? AND subject = ? AND key = ? AND expires_at > ?"));
    bind_person(&s, client);
    bind_text(&s, key);
    bind_int(&s, now);
    TRY(statement_find(&s));
    read_person(&s, &out->client);
    read_text(&s, out->key, sizeof(out->key));
    read_blob(&s, out->fingerprint, sizeof(out->fingerprint));
    out->status = (int)read_int(&s);
    out->expires_at = read_int(&s);
    row_of(&row, client, key);
    if (read_bool(&s))
        read_passing(&s, COLUMN_ANSWER, &row, answer);
    else
        read_append(&s, answer); /* of an older version: they expire */
    return statement_read(&s);
}

enum err idempotency_sweep(struct db *db, int64_t now)
{
    AUTO_CLEAR(statement_end) struct statement s;

    TRY(statement_begin(&s, db,
                        "DELETE FROM idempotency_keys WHERE rowid IN"
                        " (SELECT rowid FROM idempotency_keys WHERE expires_at <= ? ORDER BY "
                        "expires_at LIMIT ?)"));
    bind_int(&s, now);
    bind_int(&s, SWEEP_ROWS);
    return statement_run(&s);
}

/* --- what repeats an artefact's name ------------------------------------------------------ */
/* An answer that is ids alone (of an upload) shows nothing. */
enum { ANSWER_OF_IDS_MAX = 2 * UUID_TEXT_SIZE };

static enum err answer_names(struct statement *s, const char *id, int64_t *row_number,
                             bool *names)
{
    AUTO_CLEAR(buf_clear) struct buf answer;
    struct person client;
    char key[IDEMPOTENCY_KEY_MAX + 1];
    struct sealed_row row;

    buf_init(&answer, IDEMPOTENCY_ANSWER_MAX);
    *row_number = read_int(s);
    read_person(s, &client);
    read_text(s, key, sizeof(key));
    row_of(&row, &client, key);
    if (read_bool(s))
        read_passing(s, COLUMN_ANSWER, &row, &answer);
    else
        read_append(s, &answer);
    enum err e = statement_read(s);
    if (e == ERR_CORRUPT || e == ERR_UNAVAILABLE) { /* under a key that is gone */
        s->failed = ERR_OK;
        *names = false;
        return ERR_OK;
    }
    *names = e == ERR_OK && answer.len > ANSWER_OF_IDS_MAX &&
             memmem(answer.data, answer.len, id, strlen(id)) != NULL;
    return e;
}

enum err trace_list_answers(struct db *db, const struct uuid *artefact, int64_t *out, size_t max,
                            size_t *n)
{
    AUTO_CLEAR(statement_end) struct statement s;
    char id[UUID_TEXT_SIZE];
    bool more = false, names = false;

    uuid_format(artefact, id);
    *n = 0;
    TRY(statement_begin(&s, db,
                        "SELECT rowid, issuer, subject, key, sealed, answer"
                        " FROM idempotency_keys"));
    TRY(statement_step(&s, &more));
    while (more && *n < max) {
        TRY(answer_names(&s, id, &out[*n], &names));
        *n += names;
        TRY(statement_step(&s, &more));
    }
    return ERR_OK;
}
