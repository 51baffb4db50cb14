/* Shared by the records. Invariant: SQL text is made of constants only; every value is bound.
 */
#include "storage/record.h"

#include <string.h>

void bind_person(struct statement *s, const struct person *p)
{
    bind_text(s, p->issuer);
    bind_text(s, p->subject);
}

void read_person(struct statement *s, struct person *out)
{
    read_text(s, out->issuer, sizeof(out->issuer));
    read_text(s, out->subject, sizeof(out->subject));
}

enum err record_find(struct statement *s, record_read read, void *out)
{
    TRY(statement_find(s));
    read(s, out);
    return statement_read(s);
}

enum err record_list(struct statement *s, record_read read, void *out, size_t size, size_t max,
                     size_t *n)
{
    char *at = out;

    for (*n = 0; *n < max; ++*n, at += size) {
        bool row;

        TRY(statement_step(s, &row));
        if (!row)
            return ERR_OK;
        read(s, at);
        TRY(statement_read(s));
    }
    return ERR_OK;
}

enum err record_page(struct statement *s, record_read read, void *out, size_t size, size_t max,
                     size_t *n)
{
    bind_u64(s, max);
    return record_list(s, read, out, size, max, n);
}

enum err record_change(struct statement *s)
{
    TRY(statement_run(s));
    return statement_changes(s) > 0 ? ERR_OK
                                    : err_set(ERR_NOT_FOUND, "there is no such record");
}

void sql_add(struct sql *q, const char *piece)
{
    size_t len = strlen(piece);

    assert(len < sizeof(q->text) - q->len);
    memcpy(q->text + q->len, piece, len + 1);
    q->len += len;
}
