/* What the files of the records share: persons, rows into arrays, and SQL put together from
 * fixed pieces. */
#ifndef STORAGE_RECORD_H
#define STORAGE_RECORD_H

#include "storage/records.h"
#include "storage/statement.h"

void bind_person(struct statement *s, const struct person *p); /* two values: issuer, subject */
void read_person(struct statement *s, struct person *out);

/* Reads the columns of the present row into one record. */
typedef void (*record_read)(struct statement *s, void *record);
/* The one row into *out; ERR_NOT_FOUND. */
MUST_USE enum err record_find(struct statement *s, record_read read, void *out);
/* The rows into out[0 .. *n), records of `size` bytes, at most `max`. */
MUST_USE enum err record_list(struct statement *s, record_read read, void *out, size_t size,
                              size_t max, size_t *n);
/* A page's limit as the last parameter, then record_list. */
MUST_USE enum err record_page(struct statement *s, record_read read, void *out, size_t size,
                              size_t max, size_t *n);
/* Runs it; ERR_NOT_FOUND if it changed no row. */
MUST_USE enum err record_change(struct statement *s);

enum { SQL_MAX = 2048 };
struct sql { /* starts as {0} */
    char text[SQL_MAX];
    size_t len;
};
void sql_add(struct sql *q, const char *piece); /* a constant of ours: never a value */

#endif
