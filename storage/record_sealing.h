/* Bringing every sealed value under the active column key: what older versions left plain, and
 * what was sealed by a key that is no longer active.
 */
#ifndef STORAGE_RECORD_SEALING_H
#define STORAGE_RECORD_SEALING_H

#include "storage/sealed.h"

struct sealing {
    uint64_t rows;  /* that were written anew */
    uint64_t plain; /* of them, those that had plain values */
};
/* Walks the tables that are not known to be done, in transactions of a few hundred rows: may be
 * interrupted at any time and begins again with the table it was at. Nothing to do costs a few
 * look-ups. On the writer, while nobody else uses it. Afterwards, when there were plain values,
 * no page or journal of the database holds them (it is compacted, which takes as much free
 * space as it is large). ERR_UNAVAILABLE: the keys are not here. */
MUST_USE enum err sealing_catch_up(struct db_pool *pool, struct sealing *out);

/* Values that this key has sealed, over all tables. Reads all of them. */
MUST_USE enum err sealing_count(struct db *db, const uint8_t id[COLUMN_ID_SIZE], uint64_t *out);
/* Whether a start has brought everything under this key. */
MUST_USE enum err sealing_done(struct db *db, const uint8_t id[COLUMN_ID_SIZE], bool *out);
/* Whether the walk and the count know of the domain; for a test, which asks for each. */
bool sealing_knows(const char *domain);

#endif
