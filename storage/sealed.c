/* Between statements and column keys.
 *
 * Invariant: a personal value is bound sealed or not at all: where there is no key the
 * statement fails before it runs.
 */
#include "storage/sealed.h"

#include "crypto/digest.h"
#include "storage/db_internal.h"

#include <sodium.h>
#include <string.h>

void db_pool_columns(struct db_pool *p, const struct db_columns *columns)
{
    *db_columns_of(p) = *columns;
}

static const struct db_columns *columns_of(const struct db *db)
{
    return db_columns_of(db->pool);
}

bool db_can_open(const struct db *db)
{
    return column_keys_can_open(columns_of(db)->personal);
}

/* --- rows --------------------------------------------------------------------------------- */
static void row_add(struct sealed_row *row, const void *data, size_t len)
{
    assert(len <= sizeof(row->bytes) - row->len);
    memcpy(row->bytes + row->len, data, len);
    row->len += len;
}

void sealed_row_add_uuid(struct sealed_row *row, const struct uuid *id)
{
    row_add(row, id->bytes, sizeof(id->bytes));
}

void sealed_row_add_number(struct sealed_row *row, uint64_t number)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(number >> (8 * (sizeof(bytes) - 1 - i)));
    row_add(row, bytes, sizeof(bytes));
}

void sealed_row_uuid(struct sealed_row *row, const struct uuid *id)
{
    row->len = 0;
    sealed_row_add_uuid(row, id);
}

void sealed_row_number(struct sealed_row *row, uint64_t number)
{
    row->len = 0;
    sealed_row_add_number(row, number);
}

void sealed_row_add_text(struct sealed_row *row, const char *text)
{
    uint8_t digest[SHA256_SIZE];

    /* A failure leaves zeros on writing and on reading: the value then opens in any row of the
       same other parts, which is no reason to lose it. */
    if (sha256_once(text, strlen(text), digest) != ERR_OK)
        memset(digest, 0, sizeof(digest));
    row_add(row, digest, sizeof(digest));
}

/* --- binding ------------------------------------------------------------------------------ */
static void fail(struct statement *s, enum err e)
{
    if (s->failed == ERR_OK)
        s->failed = e;
}

static void bind_under(struct statement *s, struct column_keys *keys, const char *domain,
                       const struct sealed_row *row, const void *data, size_t len)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    enum err e;

    buf_init(&sealed, len + COLUMN_OVERHEAD_MAX);
    e = keys != NULL
            ? column_seal(keys, domain, row->bytes, row->len, data, len, &sealed)
            : err_set(ERR_UNAVAILABLE, "there is no column key to seal %s with", domain);
    if (e != ERR_OK) {
        fail(s, e);
        bind_null(s);
        return;
    }
    bind_blob_copy(s, sealed.data, sealed.len);
}

void bind_sealed_bytes(struct statement *s, const char *domain, const struct sealed_row *row,
                       const void *data, size_t len)
{
    if (len == 0)
        bind_null(s);
    else
        bind_under(s, columns_of(s->db)->personal, domain, row, data, len);
}

void bind_sealed(struct statement *s, const char *domain, const struct sealed_row *row,
                 const char *text)
{
    bind_sealed_bytes(s, domain, row, text, strlen(text));
}

void bind_passing(struct statement *s, const char *domain, const struct sealed_row *row,
                  const void *data, size_t len)
{
    const struct db_columns *c = columns_of(s->db);
    bool as_others = !c->intake_lasts && column_keys_can_open(c->personal);

    bind_under(s, as_others || c->intake == NULL ? c->personal : c->intake, domain, row, data,
               len);
}

/* --- reading ------------------------------------------------------------------------------ */
/* A key that is gone is damage, not absence: nobody takes it for "there is no such record". */
static enum err open_with(struct column_keys *keys, const char *domain,
                          const struct sealed_row *row, const struct buf *sealed,
                          struct buf *out)
{
    enum err e =
        column_open(keys, domain, row->bytes, row->len, sealed->data, sealed->len, out);

    return e == ERR_NOT_FOUND ? err_set(ERR_CORRUPT, "%s", err_message(e)) : e;
}

static void take_column(struct statement *s, struct buf *sealed)
{
    buf_init(sealed, COLUMN_TEXT_MAX + COLUMN_OVERHEAD_MAX);
    read_append(s, sealed);
}

void read_sealed_append(struct statement *s, const char *domain, const struct sealed_row *row,
                        struct buf *out)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    struct column_keys *keys = columns_of(s->db)->personal;
    enum err e;

    take_column(s, &sealed);
    if (s->failed != ERR_OK || sealed.len == 0 || !column_keys_can_open(keys))
        return;
    e = open_with(keys, domain, row, &sealed, out);
    if (e != ERR_OK)
        fail(s, e);
}

void read_sealed(struct statement *s, const char *domain, const struct sealed_row *row,
                 char *out, size_t cap)
{
    AUTO_CLEAR(buf_clear) struct buf text;

    buf_init_secret(&text, COLUMN_TEXT_MAX);
    out[0] = '\0';
    read_sealed_append(s, domain, row, &text);
    if (text.len == 0)
        return;
    if (text.len >= cap || memchr(text.data, '\0', text.len))
        fail(s, err_set(ERR_CORRUPT, "%s is not a text of its length", domain));
    else
        memcpy(out, text.data, text.len + 1);
}

void read_either(struct statement *s, const char *domain, const struct sealed_row *row,
                 char *out, size_t cap)
{
    read_text(s, out, cap);
    if (read_is_null(s))
        read_skip(s);
    else
        read_sealed(s, domain, row, out, cap);
}

void read_passing(struct statement *s, const char *domain, const struct sealed_row *row,
                  struct buf *out)
{
    AUTO_CLEAR(buf_clear) struct buf sealed;
    const struct db_columns *c = columns_of(s->db);
    enum err e = ERR_NOT_FOUND;

    take_column(s, &sealed);
    if (s->failed != ERR_OK)
        return;
    if (column_keys_can_open(c->intake))
        e = column_open(c->intake, domain, row->bytes, row->len, sealed.data, sealed.len, out);
    if (e == ERR_NOT_FOUND && column_keys_can_open(c->personal))
        e = column_open(c->personal, domain, row->bytes, row->len, sealed.data, sealed.len,
                        out);
    if (e == ERR_NOT_FOUND)
        e = err_set(ERR_UNAVAILABLE, "a value of %s was sealed by a key that is not here",
                    domain);
    if (e != ERR_OK)
        fail(s, e);
}

/* --- blind indexes ------------------------------------------------------------------------ */
void bind_blind(struct statement *s, const char *domain, const char *text)
{
    struct column_keys *keys = columns_of(s->db)->personal;
    uint8_t index[COLUMN_BLIND_SIZE];
    enum err e;

    if (text[0] == '\0' || !column_keys_can_open(keys)) {
        bind_null(s);
        return;
    }
    e = column_blind(keys, domain, text, strlen(text), index);
    if (e != ERR_OK)
        fail(s, e);
    bind_blob_copy(s, index, sizeof(index));
}

enum err blinds_of(struct db *db, const char *domain, const char *text, struct blinds *out)
{
    struct column_keys *keys = columns_of(db)->personal;

    out->n = 0;
    if (!column_keys_can_open(keys))
        return err_set(ERR_UNAVAILABLE, "there is no column key to look %s up with", domain);
    for (; out->n < column_keys_count(keys); out->n++)
        TRY(column_blind_under(keys, out->n, domain, text, strlen(text), out->index[out->n]));
    return ERR_OK;
}
