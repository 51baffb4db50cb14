/* What the files of this room share: resumable.c (the state machine), row.c (its record),
 * table.c (who has which upload), rest.c (bytes made durable), recover.c (read back), stage.c
 * (pieces with a checksum), create.c, concat.c, tick.c. Not for others.
 *
 * Locks: an upload's own (struct held) is taken before anything of it is read or changed, and
 * kept over commits; the table's is only taken inside, and for moments. */
#ifndef GATEWAY_EVIDENCE_RESUMABLE_INTERNAL_H
#define GATEWAY_EVIDENCE_RESUMABLE_INTERNAL_H

#include "gateway/evidence/intake/upload_internal.h"
#include "gateway/evidence/resumable/resumable.h"

/* --- resumable.c -------------------------------------------------------------------------- */

struct row;
void result_begin(struct upload_result *out);
/* A refusal that waiting and making room cannot mend: the end of what was refused. */
bool refusal_is_for_good(const struct err_info *why);
/* The artefact and receipt of a FINISHED one, to who may still send to its claim. */
MUST_USE enum err give_again(struct evidence *ev, const struct principal *p,
                             const struct row *row, struct upload_result *out);

/* --- concat.c ----------------------------------------------------------------------------- */

/* Among a person's running Idempotency-Keys, of which none has such a character. */
#define RUNNING_CONCATENATION "\x1f concatenation"

/* --- table.c ------------------------------------------------------------------------------ */

struct resumable_table;
struct held {                   /* an upload that somebody has, or that is remembered */
    struct held *next;          /* in its bucket */
    struct held *older, *newer; /* remembered ones that nobody has, by when they were left */
    struct uuid id;
    size_t users;                    /* the table's lock */
    _Atomic uint64_t arrivals;       /* counts who took it over */
    pthread_mutex_t lock;            /* for what follows */
    struct resumable_writer *writer; /* that is at it; NULL: at rest */
    bool remembered;                 /* `memory` is of what record and part hold */
    struct uuid part;
    struct upload_memory memory;
};
MUST_USE enum err resumable_table_new(size_t warm, struct resumable_table **out);
void resumable_table_free(struct resumable_table *t); /* nobody has one */
/* Announces a newcomer, so that the writer that is at it stops, and locks. *arrival is the
 * newcomer's number; REFUSAL_UPLOAD_LOCKED if a newer one came while it waited. */
MUST_USE enum err held_take(struct resumable_table *t, const struct uuid *id, struct held **out,
                            uint64_t *arrival);
/* The same without disturbing anybody: NULL if somebody is at it or about to be. */
struct held *held_take_idle(struct resumable_table *t, const struct uuid *id);
void held_leave(struct resumable_table *t, struct held *h); /* unlocks, is no user any more */
void held_unlock(struct held *h);                           /* stays a user: a writer */
void held_lock(struct held *h);
void held_forget(struct held *h);                      /* its memory */
bool held_overtaken(struct held *h, uint64_t arrival); /* without the lock */

/* --- row.c -------------------------------------------------------------------------------- */

struct row { /* an upload as it stands in the database */
    struct upload_record record;
    struct upload_words words;
    struct upload_request rq; /* as it was described */
};
void row_init(struct row *row);
void row_clear(struct row *row);
DEFINE_AUTO_CLEAR(struct row, row_clear);
/* The caller's own, or REFUSAL_NOT_FOUND. Each initialises `row` in any case. */
MUST_USE enum err row_find(struct evidence *ev, const struct principal *p,
                           const struct uuid *id, struct row *row);
MUST_USE enum err row_get(struct evidence *ev, const struct uuid *id, struct row *row);
MUST_USE enum err row_again(struct evidence *ev, struct row *row); /* as it is now */
MUST_USE enum err row_sealed(struct evidence *ev, const struct uuid *id, struct buf *sealed);
void row_view(const struct row *row, struct resumable_view *view);
/* Into the form that row_find reads; REFUSAL_INVALID_REQUEST for what has none. */
MUST_USE enum err row_describe(const struct upload_request *rq, struct buf *out);
bool row_is_unfinished(const struct upload_record *r);
/* OPEN, WHOLE and FINISHED are there; the others, and what is past its time, are
 * REFUSAL_UPLOAD_GONE. */
MUST_USE enum err row_is_there(const struct upload_record *r);
void row_touch(struct evidence *ev, struct upload_record *r); /* its times */

struct row_rest { /* a commit of bytes that are durable */
    struct upload_record *record;
    const struct buf *sealed;
    bool whole; /* a part that is all there */
};
MUST_USE enum err row_rest_commit(struct evidence *ev, struct row_rest *rest);
/* The entry of a beginning or an end, by `p` or, if NULL, by the gateway itself. */
json_t *row_entry(struct evidence *ev, const struct row *row, const char *action,
                  const struct principal *p, enum role role);
void row_entry_assessment(json_t *entry, const struct uuid *assessment);
/* A FINISHED one that was the same again: `artefact` is the one that was there, and this the
 * entry that says so. */
void row_mark_duplicate(struct upload_record *r, uint64_t entry);
bool row_is_duplicate(const struct upload_record *r, uint64_t *entry);
/* An end without an artefact; its reason stands in the record. action NULL: no entry. The part
 * goes. */
MUST_USE enum err row_end(struct evidence *ev, struct row *row, enum upload_state to,
                          const char *action, const struct principal *p);
/* Inside the commit of its artefact. */
MUST_USE enum err row_finished(struct commit_tx *tx, struct upload_record *r,
                               const struct artefact_record *a);

/* --- create.c ----------------------------------------------------------------------------- */

struct creation_key { /* an Idempotency-Key that was brought, or none */
    struct evidence *ev;
    const struct principal *principal;
    const char *text;
    uint8_t fingerprint[SHA256_SIZE];
    bool held;
    struct running_ticket ticket;
    struct uuid known; /* the upload that it made; nil: none */
};
/* Takes it for the time of the call. REFUSAL_KEY_BUSY, REFUSAL_KEY_REUSED. Initialises `key` in
 * any case. */
MUST_USE enum err creation_key_begin(struct evidence *ev, const struct principal *p,
                                     const struct resumable_request *rq, const char *concat,
                                     struct creation_key *key);
MUST_USE enum err creation_key_keep(const struct creation_key *key, struct db *db,
                                    const struct uuid *id); /* inside the commit */
void creation_key_clear(struct creation_key *key);
DEFINE_AUTO_CLEAR(struct creation_key, creation_key_clear);
/* The upload that a key made, or REFUSAL_UPLOAD_GONE. */
MUST_USE enum err creation_known(struct evidence *ev, const struct principal *p,
                                 const struct uuid *id, struct row *row);
/* A new one, OPEN. Initialises `row` in any case. */
MUST_USE enum err creation_row(struct evidence *ev, const struct principal *p,
                               const struct resumable_request *rq, const char *concat,
                               struct row *row);

/* --- rest.c ------------------------------------------------------------------------------- */

struct stage;
struct resumable_writer {
    struct evidence *ev;
    struct principal principal;
    struct held *held; /* a user of it */
    uint64_t arrival;
    struct row row;          /* as on record; the length that was told with the piece in it */
    int64_t recorded_length; /* the one on record */
    struct resumable_piece piece;
    uint64_t came;         /* bytes of this piece */
    struct upload *upload; /* NULL: taken over, broken, or there is nothing to write */
    struct stage *stage;   /* of a piece with a checksum */
    bool has_digest;
    uint8_t digest[SHA256_SIZE];
    struct err_info failure; /* of a write */
    bool doomed;             /* a refusal of the bytes: the end of the upload */
};
/* Under the lock, w being at it: lets go. What has come is made durable first; `whole`: and it
 * is a part that is all there. */
MUST_USE enum err writer_rest(struct resumable_writer *w, bool whole);
/* Lets go without that. */
void writer_drop(struct resumable_writer *w);
/* Lets go, and the upload ends as FAILED. */
void writer_fail(struct resumable_writer *w, enum refusal why);
/* Under the lock: whoever is at it lets go. */
void held_free_up(struct held *h);
/* Under the lock: what record and part hold now; takes `m` over. */
void held_remember(struct held *h, const struct upload_record *r, struct upload_memory *m);
/* Goes on behind what is on record; an upload that was admitted. */
MUST_USE enum err writer_resume(struct resumable_writer *w);

/* --- recover.c ---------------------------------------------------------------------------- */

/* Gives the bytes of an upload at rest to `take`, as far as they are whole and authentic;
 * *size: how many. */
typedef enum err (*bytes_fn)(void *ctx, const void *data, size_t len);
MUST_USE enum err read_back(struct evidence *ev, const struct upload_record *r,
                            const struct buf *plain_rest, bytes_fn take, void *ctx,
                            uint64_t *size);
/* Under the lock: an OPEN upload that is not remembered is sealed anew; changes the record.
 * REFUSAL_UPLOAD_GONE if nobody can open what was kept of it: it ends as FAILED. */
MUST_USE enum err recover(struct evidence *ev, struct held *h, struct row *row);

/* --- stage.c ------------------------------------------------------------------------------ */

/* `sealer` is lent until stage_verified. */
MUST_USE enum err stage_begin(struct evidence *ev, struct sealer *sealer,
                              const struct resumable_piece *piece, struct stage **out);
MUST_USE enum err stage_write(struct stage *s, const void *data, size_t len);
uint64_t stage_size(const struct stage *s);
/* REFUSAL_DIGEST_MISMATCH. */
MUST_USE enum err stage_verified(struct stage *s);
/* The bytes again, in order. */
MUST_USE enum err stage_read(struct stage *s, bytes_fn take, void *ctx);
void stage_free(struct stage *s); /* NULL allowed */
DEFINE_AUTO(struct stage, stage_free);

#endif
