/* Personal values in rows: sealed when they are bound, opened when they are read
 * (crypto/column.h has the formats). Every column that may name or describe a person goes
 * through here.
 *
 *     struct sealed_row row;
 *     sealed_row_uuid(&row, &c->id);                         // what identifies the row for
 * ever bind_sealed(&s, "claims.claimant_name", &row, c->claimant_name);
 *     ...
 *     read_sealed(&s, "claims.claimant_name", &row, out, sizeof(out));
 *
 * The column is a BLOB; an empty text is a null. Who has no keys reads every sealed value as ""
 * and writes none (ERR_UNAVAILABLE); who may only seal writes and reads as "". A value whose
 * key is not loaded, or that was moved or damaged, is ERR_CORRUPT.
 *
 * Values that pass (the words of uploads, answers kept for repetitions) are sealed under the
 * intake key, which every plane that serves has: an unfinished upload must go on after a
 * restart of a plane that cannot read names. Where the intake key does not last, they are
 * sealed as the others if that is possible.
 */
#ifndef STORAGE_SEALED_H
#define STORAGE_SEALED_H

#include "crypto/column.h"
#include "storage/statement.h"

/* Borrowed by the pool; either may be NULL. */
struct db_columns {
    struct column_keys *personal;
    struct column_keys *intake;
    bool intake_lasts; /* beyond this process */
};
/* Once, before anybody reads or writes. */
void db_pool_columns(struct db_pool *p, const struct db_columns *columns);
/* Whether personal values can be read on this connection. */
bool db_can_open(const struct db *db);

struct sealed_row {
    uint8_t bytes[COLUMN_ROW_MAX];
    size_t len;
};
void sealed_row_uuid(struct sealed_row *row, const struct uuid *id); /* begins it */
void sealed_row_number(struct sealed_row *row, uint64_t number);     /* begins it */
void sealed_row_add_uuid(struct sealed_row *row, const struct uuid *id);
void sealed_row_add_number(struct sealed_row *row, uint64_t number);
void sealed_row_add_text(struct sealed_row *row, const char *text); /* its SHA-256 */

/* `domain`: "<table>.<column>". */
void bind_sealed(struct statement *s, const char *domain, const struct sealed_row *row,
                 const char *text);
void bind_sealed_bytes(struct statement *s, const char *domain, const struct sealed_row *row,
                       const void *data, size_t len);
void read_sealed(struct statement *s, const char *domain, const struct sealed_row *row,
                 char *out, size_t cap);
void read_sealed_append(struct statement *s, const char *domain, const struct sealed_row *row,
                        struct buf *out);
/* Two columns: the plain one as older versions wrote it, and the sealed one, which counts
 * unless it is null. */
void read_either(struct statement *s, const char *domain, const struct sealed_row *row,
                 char *out, size_t cap);

/* Values that pass. An empty one is sealed, too. */
void bind_passing(struct statement *s, const char *domain, const struct sealed_row *row,
                  const void *data, size_t len);
void read_passing(struct statement *s, const char *domain, const struct sealed_row *row,
                  struct buf *out);

/* The blind index under the active key, or a null: for an empty text, and where it cannot be
 * made (a plane that only seals: the next full start fills it in). */
void bind_blind(struct statement *s, const char *domain, const char *text);
/* The indexes under every loaded key, for look-ups. ERR_UNAVAILABLE without keys. */
struct blinds {
    uint8_t index[COLUMN_KEYS_MAX][COLUMN_BLIND_SIZE];
    size_t n;
};
MUST_USE enum err blinds_of(struct db *db, const char *domain, const char *text,
                            struct blinds *out);

#endif
